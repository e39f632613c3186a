/** Moves one slot of a Redis Cluster to another master, key by key. Whoever uses its keys must have stopped before. */
import { Redis, type RedisOptions } from 'ioredis';
import { Told, type Say } from '../say.ts';

export type ClusterNode = { id: string; host: string; port: number; client: Redis };

export type Masters = { nodes: ClusterNode[]; close(): void };

const KEYS_A_MOVE = 100;
/** One batch of keys from server to server. */
const MOVE_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Connections to all masters that any of the named servers knows. Throws Told when none can be asked. */
export async function connectMasters(urls: readonly string[]): Promise<Masters> {
  for (const text of urls) {
    const url = new URL(text);
    const asked = connect(url, url.hostname, Number(url.port));
    try {
      const lines = String(await asked.call('CLUSTER', 'NODES')).trim().split('\n');
      const nodes = lines.flatMap((line): ClusterNode[] => {
        const [id, address, flags] = line.split(' ');
        const [, host, port] = /^\[?(.*?)\]?:(\d+)@/.exec(address!) ?? [];
        if (!flags!.includes('master') || /fail|handshake|noaddr/.test(flags!)) return [];
        // A server that was never met from outside does not know its own address.
        const named = host === '' || host === undefined ? url.hostname : host;
        return [{ id: id!, host: named, port: Number(port), client: connect(url, named, Number(port)) }];
      });
      return { nodes, close: () => nodes.forEach(({ client }) => client.disconnect()) };
    } catch {
      // The next one may be alive.
    } finally {
      asked.disconnect();
    }
  }
  throw new Told('none of the servers in REDIS_URL answers as part of a cluster', 'REDIS_URL 中没有一台服务器以集群成员身份应答');
}

/** The master that serves the slot by its own word. */
export async function ownerOf(nodes: readonly ClusterNode[], slot: number): Promise<ClusterNode> {
  for (const node of nodes) {
    const own = String(await node.client.call('CLUSTER', 'NODES')).split('\n').find((line) => line.includes('myself'));
    const ranges = (own ?? '').trim().split(' ').slice(8).filter((range) => /^\d/.test(range));
    if (ranges.some((range) => inRange(range, slot))) return node;
  }
  throw new Told(`no master serves slot ${slot}`, `没有主节点负责槽位 ${slot}`);
}

/** Names of the keys of a slot on a server. */
export async function keysOf({ client }: ClusterNode, slot: number, limit?: number): Promise<string[]> {
  const count = limit ?? Number(await client.call('CLUSTER', 'COUNTKEYSINSLOT', slot));
  return (await client.call('CLUSTER', 'GETKEYSINSLOT', slot, count)) as string[];
}

/** Moves the slot; the number of keys that were moved. One that was interrupted is gone on with when it is called again. */
export async function moveSlot(nodes: readonly ClusterNode[], slot: number, from: ClusterNode, to: ClusterNode, tell: Say): Promise<number> {
  let moved = 0;
  if (from !== to) {
    await to.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
    await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    for (;;) {
      const keys = await keysOf(from, slot, KEYS_A_MOVE);
      if (keys.length === 0) break;
      // REPLACE: a batch whose answer was lost may be there already; the owner's copy is the right one.
      await from.client.call('MIGRATE', to.host, to.port, '', 0, MOVE_TIMEOUT_MS, 'REPLACE', ...passwordOf(to.client.options), 'KEYS', ...keys);
      moved += keys.length;
      tell(`${moved} keys moved`, `已迁移 ${moved} 个键`);
    }
  }
  // The new owner first, so that there is always one; then everybody, so that nobody has to wait for gossip.
  for (const node of [to, from, ...nodes.filter((other) => other !== to && other !== from)]) await node.client.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
  return moved;
}

function connect(url: URL, host: string, port: number): Redis {
  const client = new Redis({
    host,
    port,
    username: url.username === '' ? undefined : decodeURIComponent(url.username),
    password: url.password === '' ? undefined : decodeURIComponent(url.password),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    // A key that was sent is looked for before it is sent again, by the next run.
    autoResendUnfulfilledCommands: false,
  });
  client.on('error', () => {});
  return client;
}

/** How one server signs in at the other. */
function passwordOf({ username, password }: RedisOptions): string[] {
  if (password === undefined || password === null) return [];
  return username === undefined || username === null ? ['AUTH', password] : ['AUTH2', username, password];
}

function inRange(range: string, slot: number): boolean {
  const [first, last = first] = range.split('-').map(Number);
  return first! <= slot && slot <= last!;
}
