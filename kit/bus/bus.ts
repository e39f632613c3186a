// The connection to the event bus. NATS is away now and then; everything here waits and goes on, nothing ends for it.
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from '@nats-io/jetstream';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';

export interface BusOptions {
  /** `nats://host:4222`, or several servers of one cluster, separated by commas. */
  readonly url: string | readonly string[];
  readonly log: Log;
  readonly service: string;
  /** Put before every stream and subject, so that tests share a server without meeting. Letters, digits, `-`. */
  readonly prefix?: string;
  readonly user?: string;
  readonly password?: string;
  /** Instead of user and password. */
  readonly token?: string;
}

export interface Bus {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly prefix: string;
  readonly service: string;
  /** False from the moment a disconnection is noticed until it is over. */
  connected(): boolean;
  /** Calls back after each reconnection; returns the function that ends it. */
  onReconnect(listener: () => void): () => void;
  /** True when the server answers within the time. Never throws. */
  ping(timeout_ms?: number): Promise<boolean>;
  /** Sends what is buffered, bounded in time, and disconnects. */
  close(): Promise<void>;
}

/** For a request to JetStream. */
export const BUS_TIMEOUT_MS = 5_000;
const RECONNECT_PAUSE_MS = 250;
const PING_INTERVAL_MS = 10_000;
const PING_MS = 1_000;
const CLOSE_MS = 3_000;

/** Connects to NATS; throws when no server answers. Once connected it reconnects for ever. */
export async function openBus(options: BusOptions): Promise<Bus> {
  const { log, service, prefix = '' } = options;
  if (!/^[\w-]{0,40}$/.test(prefix)) throw new Error(`not a prefix for subjects: ${prefix}`);
  const servers = typeof options.url === 'string' ? options.url.split(',') : [...options.url];
  const connection = await connect({
    servers,
    // Without it a server that offers no TLS would be spoken to in the clear.
    ...(servers.some((url) => url.startsWith('tls://')) ? { tls: {} } : {}),
    name: service,
    user: options.user,
    pass: options.password,
    token: options.token,
    timeout: BUS_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_PAUSE_MS,
    reconnectJitter: RECONNECT_PAUSE_MS,
    pingInterval: PING_INTERVAL_MS,
    // Else every request makes two errors, stack and all, for the case that it fails: a tenth of what publishing costs.
    noAsyncTraces: true,
  });
  // Servers of a cluster answer before JetStream has found its leader.
  const jsm = await jetstreamManager(connection, { timeout: BUS_TIMEOUT_MS }).catch(async (error: unknown) => {
    await connection.close();
    throw error;
  });
  const listeners = new Set<() => void>();
  let connected = true;
  void watch(connection, log, service, (now) => {
    connected = now;
    if (now) for (const listener of listeners) listener();
  });
  return {
    connection,
    js: jetstream(connection, { timeout: BUS_TIMEOUT_MS }),
    jsm,
    prefix,
    service,
    connected: () => connected,
    onReconnect(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async ping(timeout_ms = PING_MS) {
      return withinTime(connection.rtt(), timeout_ms).then(() => true, () => false);
    },
    async close() {
      if (connection.isClosed()) return;
      // Draining flushes; while the server is away it would wait for ever.
      await withinTime(connection.drain(), CLOSE_MS).catch(() => connection.close());
    },
  };
}

async function watch(connection: NatsConnection, log: Log, service: string, tell: (connected: boolean) => void): Promise<void> {
  const up = metricsFor(service).gauge('bus_up', '1 while NATS is connected');
  up.set({}, 1);
  for await (const status of connection.status()) {
    if (status.type === 'disconnect') {
      up.set({}, 0);
      tell(false);
      log.warn('disconnected from the event bus');
    } else if (status.type === 'reconnect') {
      up.set({}, 1);
      tell(true);
      log.info('reconnected to the event bus');
    }
  }
}

export async function withinTime<T>(work: Promise<T>, timeout_ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeout_ms} ms`)), timeout_ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
