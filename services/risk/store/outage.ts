import { isRedisOutage, StoreUnavailable } from '#kit/store/errors.ts';

/** Redis being away is told as such, not as a bug of ours: whoever asked comes back, or does without. */
export async function redisOrAway<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw isRedisOutage(error) ? new StoreUnavailable('Redis is away', { cause: error }) : error;
  }
}
