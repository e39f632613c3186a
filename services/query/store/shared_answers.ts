import { hash } from 'node:crypto';
import type { Clock } from '#kit/base/clock.ts';
import { integerBetween, type Random } from '#kit/base/random.ts';
import type { RedisClient } from '#kit/store/redis.ts';
import { OLDEST_MS } from '../app/answer_cache.ts';
import type { SharedAnswers } from '../app/shared_answers.ts';

/** Random, so that what was written together does not end together (requirements 5.1: 5–20 s). */
export const SHARED_LIFE_MS = { least: 5_000, most: 20_000 };
/** Writes under way; more are left out, the next ask writes again. */
const MAX_WRITES = 64;

/** In Redis: `query:answer:{digest of the question}`, the time it was made and its ETag before the bytes. */
export function sharedAnswersIn(redis: RedisClient, clock: Clock, random: Random): SharedAnswers {
  let writes = 0;
  return {
    async find(key) {
      const value = await redis.getBuffer(redisKey(key)).catch(() => null);
      const end = value?.indexOf('\n') ?? -1;
      if (value === null || end < 0) return undefined;
      const [as_of_ms, etag] = value.toString('latin1', 0, end).split(' ');
      const answer = { bytes: value.subarray(end + 1), as_of_ms: Number(as_of_ms), etag: etag! };
      return clock.now_ms() - answer.as_of_ms < OLDEST_MS ? answer : undefined;
    },
    share(key, { bytes, as_of_ms, etag }) {
      if (writes >= MAX_WRITES) return;
      writes += 1;
      const value = Buffer.concat([Buffer.from(`${as_of_ms} ${etag}\n`), bytes]);
      const life_ms = integerBetween(random, SHARED_LIFE_MS.least, SHARED_LIFE_MS.most);
      void redis.set(redisKey(key), value, 'PX', life_ms).catch(() => undefined).finally(() => (writes -= 1));
    },
  };
}

function redisKey(key: string): string {
  return `query:answer:{${hash('sha256', key, 'base64url')}}`;
}
