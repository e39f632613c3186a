/** WaitingQueue in memory: what Redis has, and loses. */
import type { WaitingQueue } from '../../../services/order/app/ports.ts';

export class QueueRedis {
  readonly sets = new Map<string, Map<string, number>>();
  readonly markers = new Map<string, bigint>();

  /** FLUSHALL. */
  wipe(): void {
    this.sets.clear();
    this.markers.clear();
  }
}

export function memoryWaitingQueue(redis: QueueRedis): WaitingQueue {
  const of = (run_id: string): Map<string, number> => redis.sets.get(run_id) ?? new Map<string, number>();
  const ranked = (run_id: string): string[] => [...of(run_id)].toSorted(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).map(([entry_id]) => entry_id);
  const add = (run_id: string, entry_id: string, score: number): void => void redis.sets.set(run_id, new Map(of(run_id)).set(entry_id, score));
  return {
    async enter(run_id, entry_id, score, cap) {
      if (of(run_id).has(entry_id)) return true;
      if (of(run_id).size >= cap) return false;
      add(run_id, entry_id, score);
      return true;
    },
    async length(run_id) {
      return of(run_id).size;
    },
    async peek(run_id, term, count) {
      return redis.markers.get(run_id) === term ? ranked(run_id).slice(0, count) : undefined;
    },
    async rebuild(run_id, term, entries) {
      for (const { entry_id, score } of entries) add(run_id, entry_id, score);
      redis.markers.set(run_id, term);
    },
    async remove(run_id, entry_ids) {
      const left = new Map(of(run_id));
      for (const entry_id of entry_ids) left.delete(entry_id);
      redis.sets.set(run_id, left);
    },
    async standing(run_id, entry_id) {
      const ahead = ranked(run_id).indexOf(entry_id);
      return ahead === -1 ? undefined : { ahead, length: of(run_id).size };
    },
  };
}
