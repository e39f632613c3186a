/** The waiting queue of each run as a sorted set. It may be lost at any time: the rows are the truth. */
import type { RedisClient } from '#kit/store/redis.ts';
import { registerLibrary, type FunctionLibrary } from '#kit/store/redis_functions.ts';
import type { WaitingQueue } from '../app/ports.ts';

/** Rebuilding sends this many at once. */
const REBUILD_CHUNK = 1000;
/** A marker of a run that nobody queues for any more goes by itself; without it the queue is rebuilt, which is harmless. */
const MARKER_S = 2 * 86_400;

const LIBRARY = {
  name: 'orderqueue_v1',
  source: `#!lua name=orderqueue_v1
-- An entry that is in the queue stays where it is; a new one comes in while there is room.
redis.register_function('orderqueue_enter_v1', function(keys, args)
  if redis.call('ZSCORE', keys[1], args[3]) then return 1 end
  if redis.call('ZCARD', keys[1]) >= tonumber(args[1]) then return 0 end
  redis.call('ZADD', keys[1], args[2], args[3])
  return 1
end)
-- The first entries, or false when the queue was not built under this term: it is another one's, or was lost.
redis.register_function('orderqueue_peek_v1', function(keys, args)
  if redis.call('GET', keys[2]) ~= args[1] then return false end
  return redis.call('ZRANGE', keys[1], 0, tonumber(args[2]) - 1)
end)
redis.register_function('orderqueue_standing_v1', function(keys, args)
  local rank = redis.call('ZRANK', keys[1], args[1])
  if not rank then return false end
  return { rank, redis.call('ZCARD', keys[1]) }
end)
`,
};

export async function createRedisQueue(client: RedisClient): Promise<WaitingQueue> {
  const library: FunctionLibrary = await registerLibrary(client, LIBRARY);
  return {
    async enter(run_id, entry_id, score, cap) {
      return (await library.call({ fn: 'orderqueue_enter_v1', keys: [waitingKey(run_id)], args: [cap, score, entry_id] })) === 1;
    },
    length: (run_id) => client.zcard(waitingKey(run_id)),
    async peek(run_id, term, count) {
      const peeked = await library.call({ fn: 'orderqueue_peek_v1', keys: [waitingKey(run_id), markerKey(run_id)], args: [String(term), count] });
      return Array.isArray(peeked) ? peeked.map(String) : undefined;
    },
    async rebuild(run_id, term, entries) {
      for (let start = 0; start < entries.length; start += REBUILD_CHUNK) {
        const chunk = entries.slice(start, start + REBUILD_CHUNK);
        await client.zadd(waitingKey(run_id), ...chunk.flatMap(({ entry_id, score }) => [score, entry_id]));
      }
      // Last, so that a half-built queue is not taken for whole.
      await client.set(markerKey(run_id), String(term), 'EX', MARKER_S);
    },
    async remove(run_id, entry_ids) {
      if (entry_ids.length > 0) await client.zrem(waitingKey(run_id), ...entry_ids);
    },
    async standing(run_id, entry_id) {
      const found = await library.call({ fn: 'orderqueue_standing_v1', keys: [waitingKey(run_id)], args: [entry_id] });
      return Array.isArray(found) ? { ahead: Number(found[0]), length: Number(found[1]) } : undefined;
    },
  };
}

// The run in braces: in a cluster both keys of a run are in one slot.
const waitingKey = (run_id: string): string => `order:queue:{${run_id}}:waiting`;
const markerKey = (run_id: string): string => `order:queue:{${run_id}}:built`;
