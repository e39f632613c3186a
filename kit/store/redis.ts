// Redis, one server, one with a replica that sentinels watch, or a cluster, with the same code for all.
//
// A command that can't be sent fails at once instead of waiting in a queue, and one that isn't answered fails at its
// deadline: a caller with a deadline of its own is better served by an early typed refusal than by a growing queue.
import type { Writable } from 'node:stream';
import { Cluster, Redis, type ClusterNode, type RedisOptions } from 'ioredis';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { StoreUnavailable } from './errors.ts';

export type RedisClient = Redis | Cluster;

export interface RedisSettings {
  /**
   * `redis://[user:password@]host:port[/db]`, `rediss://` for TLS. Several, or one with `?cluster=1`, mean a cluster; with
   * `?sentinel=<name>` at the first they are the sentinels that know which server is the primary of that name now.
   */
  readonly url: string | readonly string[];
  readonly log: Log;
  readonly service: string;
  readonly command_timeout_ms?: number;
  readonly connect_timeout_ms?: number;
  /** False for a store that one can do without: `openRedis` returns at once, and commands fail until it is there. */
  readonly required?: boolean;
}

export interface RedisStore {
  readonly client: RedisClient;
  /** True when all masters answer within the time. Never throws. */
  ping(timeout_ms?: number): Promise<boolean>;
  close(): Promise<void>;
}

const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
const PING_MS = 1_000;
const MAX_RECONNECT_PAUSE_MS = 1_000;

/** Connects and waits until Redis is ready. Throws StoreUnavailable when it isn't within `connect_timeout_ms`. */
export async function openRedis(settings: RedisSettings): Promise<RedisStore> {
  const { log, service } = settings;
  const client = createClient(settings);
  const up = metricsFor(service).gauge('redis_up', '1 while Redis is connected');
  // Without a listener an error event ends the process. Outages are told by the failing commands; here is one line each.
  client.on('error', (error: unknown) => log.warn({ error }, 'redis connection error'));
  client.on('ready', () => up.set({}, 1));
  client.on('close', () => up.set({}, 0));
  if (client instanceof Cluster) client.on('+node', (node: Redis) => gatherWrites(node));
  else gatherWrites(client);
  if (settings.required !== false) await readyWithin(client, settings.connect_timeout_ms ?? CONNECT_TIMEOUT_MS);
  return {
    client,
    async ping(timeout_ms = PING_MS) {
      const pings = mastersOf(client).map((node) => node.ping());
      return within(Promise.all(pings), timeout_ms).then(() => true, () => false);
    },
    async close() {
      // QUIT lets replies under way arrive; when Redis is away there is nothing to wait for.
      await within(client.quit(), COMMAND_TIMEOUT_MS).catch(() => client.disconnect());
      // What listens to sentinels goes only with this.
      if (client instanceof Redis) client.disconnect();
    },
  };
}

/** The servers that take writes: itself, or the cluster's masters. */
export function mastersOf(client: RedisClient): Redis[] {
  return client instanceof Cluster ? client.nodes('master') : [client];
}

/**
 * Commands of one turn of the event loop leave in one write: a write costs more than the commands in it. Unlike a pipeline
 * none waits for the answers of others.
 */
function gatherWrites(client: Redis): void {
  client.on('connect', () => {
    const stream = (client as unknown as { stream: Writable }).stream;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = (...args: unknown[]) => {
      if (stream.writableCorked === 0) {
        stream.cork();
        setImmediate(() => stream.uncork());
      }
      return write(...args);
    };
  });
}

function createClient(settings: RedisSettings): RedisClient {
  const urls = typeof settings.url === 'string' ? [settings.url] : settings.url;
  const [first] = urls;
  if (first === undefined) throw new Error('a Redis url is needed');
  const parsed = new URL(first);
  const options: RedisOptions = {
    commandTimeout: settings.command_timeout_ms ?? COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    // A write that was sent and not answered must not be sent again behind the caller's back.
    autoResendUnfulfilledCommands: false,
    connectionName: settings.service,
    username: parsed.username === '' ? undefined : decodeURIComponent(parsed.username),
    password: parsed.password === '' ? undefined : decodeURIComponent(parsed.password),
    ...(parsed.protocol === 'rediss:' ? { tls: {} } : {}),
  };
  const retryStrategy = (times: number) => Math.min(MAX_RECONNECT_PAUSE_MS, 20 * 2 ** Math.min(times, 10)) * (0.5 + Math.random() / 2);
  const sentinel = parsed.searchParams.get('sentinel');
  const single: RedisOptions = { ...options, db: Number(parsed.pathname.slice(1) || '0'), enableOfflineQueue: false, retryStrategy };
  if (sentinel !== null) return new Redis({ ...single, ...watchedBy(sentinel, urls, options) });
  if (urls.length > 1 || parsed.searchParams.get('cluster') === '1') {
    return new Cluster(urls.map(nodeOf), {
      redisOptions: options,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryStrategy,
      maxRedirections: 8,
      retryDelayOnFailover: 100,
      slotsRefreshTimeout: COMMAND_TIMEOUT_MS,
    });
  }
  return new Redis({ ...single, ...nodeOf(first) });
}

/** Asks the sentinels who is primary at each connection, and makes a new one when they say that it is another. */
function watchedBy(name: string, urls: readonly string[], { password, tls }: RedisOptions): RedisOptions {
  return {
    name,
    sentinels: urls.map(nodeOf),
    sentinelPassword: password,
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    ...(tls === undefined ? {} : { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    // The url names all of them.
    updateSentinels: false,
    failoverDetector: true,
    // A primary of yesterday that came back as a replica.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

function nodeOf(url: string): Extract<ClusterNode, object> & { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === '' ? 6379 : Number(port) };
}

function readyWithin(client: RedisClient, timeout_ms: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onReady = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      client.off('ready', onReady);
      client.disconnect();
      reject(new StoreUnavailable(`Redis was not ready within ${timeout_ms} ms`));
    }, timeout_ms);
    client.once('ready', onReady);
  });
}

async function within<T>(work: Promise<T>, timeout_ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StoreUnavailable(`Redis did not answer within ${timeout_ms} ms`)), timeout_ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
