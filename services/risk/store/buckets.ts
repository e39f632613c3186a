import { readFileSync } from 'node:fs';
import { Cluster } from 'ioredis';
import { registerLibrary, type FunctionCall, type FunctionLibrary } from '#kit/store/redis_functions.ts';
import type { RedisStore } from '#kit/store/redis.ts';
import type { Buckets } from '../app/ports.ts';
import type { Take, Taken } from '../domain/limit.ts';
import { redisOrAway } from './outage.ts';

const SOURCE = readFileSync(new URL('./functions/risk_limits_v2.lua', import.meta.url), 'utf8');

/** Token buckets in Redis, shared by every edge and every process of risk. */
export async function openBuckets(redis: RedisStore): Promise<Buckets> {
  const library = await registerLibrary(redis.client, { name: 'risk_limits_v2', source: SOURCE });
  // Each bucket is in a slot of its own, so that a cluster spreads them; there each is a call.
  const apart = redis.client instanceof Cluster;
  return {
    take: (takes, hits) => redisOrAway(apart ? takeApart(library, takes, hits) : takeTogether(library, takes, hits)),
  };
}

async function takeTogether(library: FunctionLibrary, takes: readonly Take[], hits: number): Promise<Taken[]> {
  return ((await library.call(callFor(takes, hits))) as unknown[]).map(takenOf);
}

async function takeApart(library: FunctionLibrary, takes: readonly Take[], hits: number): Promise<Taken[]> {
  const outcomes = await library.callMany(takes.map((take) => callFor([take], hits)));
  return outcomes.map((outcome) => {
    if (!outcome.ok) throw outcome.error;
    return takenOf((outcome.reply as unknown[])[0]);
  });
}

function callFor(takes: readonly Take[], hits: number): FunctionCall {
  return { fn: 'risk_limits_v2_take', keys: takes.map(keyOf), args: [hits, ...takes.flatMap(({ limit }) => [limit.per_s, limit.burst])] };
}

function keyOf({ kind, value }: Take): string {
  return `risk:limit:${kind}:{${value}}`;
}

function takenOf(reply: unknown): Taken {
  const [allowed, remaining, wait_us] = reply as [number, number, number];
  return { allowed: Number(allowed) === 1, remaining: Number(remaining), wait_ms: Math.ceil(Number(wait_us) / 1000) };
}
