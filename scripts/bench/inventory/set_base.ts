/** The base of the Redis layer: SETs of 50 connections, each waiting for its answer before it sends the next. */
import { join } from 'node:path';
import { outputOf } from '../../tools/command.ts';
import type { Tool } from '../../tools/index.ts';

const CONNECTIONS = 50;
const KEYS = 100_000;

/** SETs a second as redis-benchmark, which comes with the server, measures them. */
export async function benchmarkSets(tool: Tool, redis_url: string, sets: number): Promise<number> {
  const { port, password } = new URL(redis_url);
  const words = [join(tool.folder, 'bin', 'redis-benchmark'), '-h', '127.0.0.1', '-p', port, '-a', password, '-c', String(CONNECTIONS), '-P', '1', '-t', 'set', '-r', String(KEYS), '-n', String(sets), '--csv'];
  const text = await outputOf(words, { env: { ...process.env, ...tool.env } });
  const rate = Number(/^"SET","([\d.]+)"/m.exec(text)?.[1]);
  if (!(rate > 0)) throw new Error(`redis-benchmark told no rate: ${text}`);
  return rate;
}
