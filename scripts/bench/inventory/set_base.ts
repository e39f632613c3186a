/** The base of the Redis layer: SETs of 50 connections, each waiting for its answer before it sends the next. */
import { join } from 'node:path';
import { openRedis } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { outputOf } from '../../tools/command.ts';
import type { Tool } from '../../tools/index.ts';

const CONNECTIONS = 50;
const KEYS = 100_000;

/** SETs a second as redis-benchmark, which comes with the server, measures them: a client in C on a core of its own. */
export async function benchmarkSets(tool: Tool, redis_url: string, sets: number): Promise<number> {
  const { port, password } = new URL(redis_url);
  const words = [join(tool.folder, 'bin', 'redis-benchmark'), '-h', '127.0.0.1', '-p', port, '-a', password, '-c', String(CONNECTIONS), '-P', '1', '-t', 'set', '-r', String(KEYS), '-n', String(sets), '--csv'];
  const text = await outputOf(words, { env: { ...process.env, ...tool.env } });
  const rate = Number(/^"SET","([\d.]+)"/m.exec(text)?.[1]);
  if (!(rate > 0)) throw new Error(`redis-benchmark told no rate: ${text}`);
  return rate;
}

export type NodeSets = { measure(for_ms: number): Promise<number>; stop(): Promise<void> };

/** The same from this process with the client that the holds use: what a Node process gets out of this Redis. */
export async function openNodeSets(redis_url: string): Promise<NodeSets> {
  const stores = await Promise.all(Array.from({ length: CONNECTIONS }, () => openRedis({ url: redis_url, log: silentLog(), service: 'bench' })));
  return {
    async measure(for_ms) {
      const from_ms = performance.now();
      let sets = 0;
      const loops = stores.map(async ({ client }, index) => {
        while (performance.now() - from_ms < for_ms) {
          await client.set(`key:${(index * 7919 + sets) % KEYS}`, 'xxx');
          sets += 1;
        }
      });
      await Promise.all(loops);
      return sets / ((performance.now() - from_ms) / 1000);
    },
    async stop() {
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}
