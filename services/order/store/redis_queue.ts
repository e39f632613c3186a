/**
 * Where everybody stands in each run's queue, as a sorted set. The rows are the truth: what is lost or left over here
 * gives somebody a wrong number for a moment and changes nobody's turn.
 */
import type { RedisClient } from '#kit/store/redis.ts';
import { registerLibrary, type FunctionLibrary } from '#kit/store/redis_functions.ts';
import type { WaitingQueue } from '../app/ports.ts';
import type { Marks } from '../domain/hopeless.ts';
import { PRIORITIES, scoreOf, SEQUENCE_LIMIT } from '../domain/priority.ts';

/** Rebuilding sends this many at once. */
const REBUILD_CHUNK = 1000;
/** Longer than its owner takes to count again. */
const OUTLOOK_S = 15;
/** A queue that is served is built anew this often, so that nothing left over by an accident stays. */
const MARKER_S = 60;

const LIBRARY = {
  name: 'orderqueue_v3',
  source: `#!lua name=orderqueue_v3
-- Another id after a restart or a failover, which may have lost the last writes.
local function server()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
-- An entry that is in the queue stays where it is; a new one comes in while there is room. Answers whether anybody has built
-- this set, without which its length is not the queue's, and where the entry stands.
redis.register_function('orderqueue_enter_v3', function(keys, args)
  if not redis.call('ZSCORE', keys[1], args[3]) then
    if redis.call('ZCARD', keys[1]) >= tonumber(args[1]) then return false end
    redis.call('ZADD', keys[1], args[2], args[3])
  end
  return { redis.call('EXISTS', keys[2]), redis.call('ZRANK', keys[1], args[3]), redis.call('ZCARD', keys[1]) }
end)
-- Takes entries out. Answers with the server's id when the set was not built under this term on this very server.
redis.register_function('orderqueue_served_v3', function(keys, args)
  for at = 2, #args do redis.call('ZREM', keys[1], args[at]) end
  local id = server()
  if redis.call('GET', keys[2]) == args[1] .. ' ' .. id then return false end
  return id
end)
-- Builds the set beside the old one and puts it in its place; who came after the rows were read moves over.
redis.register_function('orderqueue_build_v3', function(keys, args)
  local first, last, marker, id, ttl, ranges = args[1], args[2], args[3], args[4], args[5], tonumber(args[6])
  if first == '1' then redis.call('DEL', keys[3]) end
  for at = 7 + ranges * 2, #args, 2 do redis.call('ZADD', keys[3], args[at], args[at + 1]) end
  if last ~= '1' then return 0 end
  for range = 0, ranges - 1 do
    local newer = redis.call('ZRANGEBYSCORE', keys[1], args[7 + range * 2], args[8 + range * 2], 'WITHSCORES')
    for at = 1, #newer, 2 do redis.call('ZADD', keys[3], newer[at + 1], newer[at]) end
  end
  redis.call('UNLINK', keys[1])
  if redis.call('EXISTS', keys[3]) == 1 then redis.call('RENAME', keys[3], keys[1]) end
  if id ~= server() then return 0 end
  redis.call('SET', keys[2], marker .. ' ' .. id, 'EX', ttl)
  return 1
end)
redis.register_function('orderqueue_standing_v3', function(keys, args)
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
      const entered = await library.call({ fn: 'orderqueue_enter_v3', keys: [waitingKey(run_id), markerKey(run_id)], args: [cap, score, entry_id] });
      if (!Array.isArray(entered)) return undefined;
      const [built, ahead, length] = entered.map(Number) as [number, number, number];
      return { unsure: built === 0, ahead, length };
    },
    async length(run_id) {
      const [length, marker] = await Promise.all([client.zcard(waitingKey(run_id)), client.exists(markerKey(run_id))]);
      return marker === 1 ? length : undefined;
    },
    async served(run_id, term, entry_ids) {
      const server = await library.call({ fn: 'orderqueue_served_v3', keys: [waitingKey(run_id), markerKey(run_id)], args: [String(term), ...entry_ids] });
      return typeof server === 'string' ? server : undefined;
    },
    async rebuild(run_id, { term, server, newest }, entries) {
      const keys = [waitingKey(run_id), markerKey(run_id), nextKey(run_id)];
      const ranges = newerThan(newest);
      for (let start = 0; start === 0 || start < entries.length; start += REBUILD_CHUNK) {
        const chunk = entries.slice(start, start + REBUILD_CHUNK).flatMap(({ entry_id, score }) => [score, entry_id]);
        const last = start + REBUILD_CHUNK >= entries.length;
        await library.call({ fn: 'orderqueue_build_v3', keys, args: [start === 0 ? 1 : 0, last ? 1 : 0, String(term), server, MARKER_S, ranges.length / 2, ...ranges, ...chunk] });
      }
    },
    async tellOutlook(run_id, marks) {
      await client.set(outlookKey(run_id), JSON.stringify(marks), 'EX', OUTLOOK_S);
    },
    async outlook(run_id) {
      const told = await client.get(outlookKey(run_id));
      return told === null ? undefined : (JSON.parse(told) as Marks);
    },
    async remove(run_id, entry_ids) {
      if (entry_ids.length > 0) await client.zrem(waitingKey(run_id), ...entry_ids);
    },
    async standing(run_id, entry_id) {
      const found = await library.call({ fn: 'orderqueue_standing_v3', keys: [waitingKey(run_id)], args: [entry_id] });
      return Array.isArray(found) ? { ahead: Number(found[0]), length: Number(found[1]) } : undefined;
    },
  };
}

/** From and to of each priority's scores behind a sequence number. */
function newerThan(newest: number): string[] {
  return PRIORITIES.flatMap((priority) => [`(${scoreOf(priority, newest)}`, String(scoreOf(priority, SEQUENCE_LIMIT - 1))]);
}

// The run in braces: in a cluster all keys of a run are in one slot.
const waitingKey = (run_id: string): string => `order:queue:{${run_id}}:waiting`;
const markerKey = (run_id: string): string => `order:queue:{${run_id}}:built`;
const outlookKey = (run_id: string): string => `order:queue:{${run_id}}:outlook`;
const nextKey = (run_id: string): string => `order:queue:{${run_id}}:next`;
