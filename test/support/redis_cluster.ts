/**
 * A real Redis Cluster on the loopback: three masters with a replica each, six servers in folders of their own. Its
 * servers can be killed, started again and cut off from their master, and end with the test process.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort, LOOPBACK } from '../../scripts/stack/ports.ts';
import { redisServes } from '../../scripts/stack/probe.ts';
import { quiet } from '../../scripts/say.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import { ensureTools, type Tool } from '../../scripts/tools/index.ts';
import { eventually } from './processes.ts';

const MASTERS = 3;
const SLOTS = 16_384;
const PASSWORD = 'cluster-of-a-test';
/** Long enough for a machine that is busy with other tests, short enough to wait for. */
const NODE_TIMEOUT_MS = 2_000;

export type RedisCluster = {
  /** Every server's URL. */
  urls: string[];
  /** For REDIS_URL. */
  url: string;
  nodes: ClusterServer[];
  slotOf(key: string): Promise<number>;
  /** The server that owns the key's slot now, by the word of a server that runs. */
  masterOf(key: string): Promise<ClusterServer>;
  replicaOf(master: ClusterServer): Promise<ClusterServer>;
  /** Resolves when another server than `before` owns the slots of `before`. */
  failedOver(before: ClusterServer, key: string): Promise<ClusterServer>;
  stop(): Promise<void>;
};

export async function startRedisCluster(): Promise<RedisCluster> {
  const { redis: tool } = await ensureTools(['redis'], quiet);
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-cluster-'));
  const nodes: ClusterServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const taken = new Set<number>();
    for (let index = 0; index < MASTERS * 2; index += 1) {
      const [port, bus_port] = [await portOutside(taken), await portOutside(taken)];
      nodes.push(new ClusterServer(tool, join(folder, String(index)), port, bus_port));
    }
    await Promise.all(nodes.map((node) => node.start()));
    await makeCluster(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...questionsTo(nodes), nodes, urls: nodes.map(({ url }) => url), url: nodes.map(({ url }) => url).join(','), stop };
}

/** One server of the cluster. */
export class ClusterServer {
  readonly port: number;
  readonly bus_port: number;
  readonly #tool: Tool;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #client: Redis | undefined;

  constructor(tool: Tool, folder: string, port: number, bus_port: number) {
    this.#tool = tool;
    this.#folder = folder;
    this.port = port;
    this.bus_port = bus_port;
  }

  get url(): string {
    return `redis://:${PASSWORD}@${LOOPBACK}:${this.port}`;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** A connection to this server alone. */
  get client(): Redis {
    this.#client ??= this.#connect();
    return this.#client;
  }

  /** Starts it, or starts it again with what it had on disk. */
  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    const config = join(this.#folder, 'redis.conf');
    writeFileSync(config, `${this.#lines().join('\n')}\n`, { mode: 0o600 });
    const log = openSync(join(this.#folder, 'redis.log'), 'a', 0o600);
    const words = [...dieWithUs(), this.#tool.path, config];
    const child = spawn(words[0]!, words.slice(1), { cwd: this.#folder, env: { ...process.env, ...this.#tool.env }, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    await eventually(async () => {
      if (this.#child !== child) throw new Error(`redis-server on port ${this.port} ended before it was ready`);
      return redisServes(this.port, PASSWORD);
    });
  }

  /** As a machine that loses its power. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#client?.disconnect();
    this.#client = undefined;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  stop(): Promise<void> {
    return this.kill();
  }

  /** A replica hears no more from its master from now on, and can still take its place. */
  async deafen(): Promise<void> {
    await this.client.config('SET', 'masterauth', 'not-the-password');
    await this.client.call('CLIENT', 'KILL', 'TYPE', 'master');
    await eventually(async () => (await this.client.info('replication')).includes('master_link_status:down'));
  }

  /** Undoes `deafen`, for the life in which it may be a replica again. */
  async listen(): Promise<void> {
    await this.client.config('SET', 'masterauth', PASSWORD);
  }

  #lines(): string[] {
    return [
      `bind ${LOOPBACK}`,
      `port ${this.port}`,
      `requirepass ${PASSWORD}`,
      `masterauth ${PASSWORD}`,
      `dir "${this.#folder}"`,
      'appendonly yes',
      'appendfsync no',
      'save ""',
      'maxmemory-policy noeviction',
      'cluster-enabled yes',
      `cluster-port ${this.bus_port}`,
      `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
      // The others sell on while one shard has no master, and a replica takes over however far behind it is.
      'cluster-require-full-coverage no',
      'cluster-replica-validity-factor 0',
      'repl-diskless-sync-delay 0',
      // A replica that has heard nothing yet is not told to clients.
      'repl-ping-replica-period 1',
    ];
  }

  #connect(): Redis {
    const client = new Redis({ host: LOOPBACK, port: this.port, password: PASSWORD, commandTimeout: 5_000, maxRetriesPerRequest: 1 });
    client.on('error', () => {});
    return client;
  }
}

/** Slots and meetings first, then replicas once everybody knows everybody; resolves when all agree and copies are whole. */
async function makeCluster(nodes: readonly ClusterServer[]): Promise<void> {
  const [masters, replicas] = [nodes.slice(0, MASTERS), nodes.slice(MASTERS)];
  for (const [index, { client }] of masters.entries()) {
    const [first, last] = [Math.floor((SLOTS * index) / MASTERS), Math.floor((SLOTS * (index + 1)) / MASTERS) - 1];
    await client.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  }
  // Everybody meets everybody: gossip alone takes several times the node timeout.
  for (const { client } of nodes) for (const { port, bus_port } of nodes) await client.call('CLUSTER', 'MEET', LOOPBACK, port, bus_port);
  await eventually(async () => (await Promise.all(nodes.map((node) => infoOf(node)))).every((info) => info.includes(`cluster_known_nodes:${nodes.length}`) && info.includes('cluster_state:ok')));
  for (const [index, replica] of replicas.entries()) {
    const master_id = String(await masters[index]!.client.call('CLUSTER', 'MYID'));
    await eventually(() => replica.client.call('CLUSTER', 'REPLICATE', master_id).catch(() => undefined));
  }
  await eventually(async () => (await Promise.all(replicas.map(({ client }) => client.info('replication')))).every((info) => info.includes('master_link_status:up')));
  // Clients read the whole cluster from any server, so all of them have to know the replicas.
  await eventually(async () => (await Promise.all(nodes.map(({ client }) => shards(client)))).every((rows) => rows.length === MASTERS && rows.every(({ ports }) => ports.length === 2)));
}

function questionsTo(nodes: readonly ClusterServer[]): Pick<RedisCluster, 'slotOf' | 'masterOf' | 'replicaOf' | 'failedOver'> {
  const slotOf = async (key: string) => Number(await running(nodes)[0]!.client.call('CLUSTER', 'KEYSLOT', key));
  const byPort = (port: number | undefined): ClusterServer => {
    const node = nodes.find((one) => one.port === port);
    if (node === undefined) throw new Error(`no server of the cluster has port ${port}`);
    return node;
  };
  const portsOf = async (slot: number) => {
    // One that has just started again may still believe what it knew in its last life; the majority does not.
    const votes = await Promise.all(running(nodes).map(async ({ client }) => (await shards(client)).find(({ first, last }) => first <= slot && slot <= last)?.ports.join(' ') ?? ''));
    const counted = Map.groupBy(votes, (vote) => vote.split(' ')[0]!);
    return [...counted.values()].toSorted((left, right) => right.length - left.length)[0]![0]!.split(' ').map(Number);
  };
  const masterOf = async (key: string) => byPort((await portsOf(await slotOf(key)))[0]);
  return {
    slotOf,
    masterOf,
    async replicaOf(master) {
      const rows = await shards(master.client);
      return byPort(rows.find(({ ports }) => ports[0] === master.port)?.ports[1]);
    },
    failedOver: (before, key) => eventually(async () => {
      const now = await masterOf(key);
      return now !== before && now.running && now;
    }),
  };
}

type Shard = { first: number; last: number; ports: number[] };

/** Ranges of slots with the ports of their master and replicas. */
async function shards(client: Redis): Promise<Shard[]> {
  const rows = (await client.call('CLUSTER', 'SLOTS')) as [number, number, ...[string, number][]][];
  return rows.map(([first, last, ...servers]) => ({ first, last, ports: servers.map(([, port]) => port) }));
}

async function infoOf({ client }: ClusterServer): Promise<string> {
  return String(await client.call('CLUSTER', 'INFO'));
}

function running(nodes: readonly ClusterServer[]): ClusterServer[] {
  return nodes.filter((node) => node.running);
}

async function portOutside(taken: Set<number>): Promise<number> {
  const port = await freePort(taken);
  taken.add(port);
  return port;
}
