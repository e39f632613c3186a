import { readFileSync } from 'node:fs';
import { registerLibrary, type FunctionLibrary } from '#kit/store/redis_functions.ts';
import type { RedisStore } from '#kit/store/redis.ts';
import type { Buckets } from '../app/ports.ts';
import type { Take, Taken } from '../domain/limit.ts';
import { redisOrAway } from './outage.ts';

const SOURCE = readFileSync(new URL('./functions/risk_limits_v1.lua', import.meta.url), 'utf8');

/** Token buckets in Redis, shared by every edge and every process of risk. */
export async function openBuckets(redis: RedisStore): Promise<Buckets> {
  const library: FunctionLibrary = await registerLibrary(redis.client, { name: 'risk_limits_v1', source: SOURCE });
  return {
    take: (takes, hits) => redisOrAway(take(library, takes, hits)),
  };
}

async function take(library: FunctionLibrary, takes: readonly Take[], hits: number): Promise<Taken[]> {
  const outcomes = await library.callMany(takes.map((one) => ({ fn: 'risk_limits_v1_take', keys: [keyOf(one)], args: [one.limit.per_s, one.limit.burst, hits] })));
  return outcomes.map((outcome) => {
    if (!outcome.ok) throw outcome.error;
    return takenOf(outcome.reply);
  });
}

/** Each bucket in a slot of its own, so that a cluster spreads them. */
function keyOf({ kind, value }: Take): string {
  return `risk:limit:${kind}:{${value}}`;
}

function takenOf(reply: unknown): Taken {
  const [allowed, remaining, wait_us] = reply as [number, number, number];
  return { allowed: Number(allowed) === 1, remaining: Number(remaining), wait_ms: Math.ceil(Number(wait_us) / 1000) };
}
