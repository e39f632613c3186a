/** WaitingQueue in memory: what Redis has, and loses. */
import type { WaitingQueue } from '../../../services/order/app/ports.ts';
import type { Marks } from '../../../services/order/domain/hopeless.ts';
import { SEQUENCE_LIMIT } from '../../../services/order/domain/priority.ts';

const MARKER_MS = 60_000;
const OUTLOOK_MS = 15_000;

export class QueueRedis {
  readonly sets = new Map<string, Map<string, number>>();
  /** By whom and on which server each set was built, and until when that counts. */
  readonly markers = new Map<string, { built: string; until_ms: number }>();
  readonly now_ms: () => number;
  readonly outlooks = new Map<string, { marks: Marks; until_ms: number }>();
  server = 1;

  constructor(now_ms: () => number) {
    this.now_ms = now_ms;
  }

  /** FLUSHALL. */
  wipe(): void {
    this.sets.clear();
    this.markers.clear();
    this.outlooks.clear();
  }

  /** Another server takes over, with all that the first one had. */
  failOver(): void {
    this.server += 1;
  }

  marker(run_id: string): string | undefined {
    const marker = this.markers.get(run_id);
    return marker !== undefined && marker.until_ms > this.now_ms() ? marker.built : undefined;
  }
}

export function memoryWaitingQueue(redis: QueueRedis): WaitingQueue {
  const of = (run_id: string): Map<string, number> => redis.sets.get(run_id) ?? new Map<string, number>();
  const without = (run_id: string, entry_ids: readonly string[]): void => {
    const left = new Map(of(run_id));
    for (const entry_id of entry_ids) left.delete(entry_id);
    redis.sets.set(run_id, left);
  };
  return {
    async enter(run_id, entry_id, score, cap) {
      if (!of(run_id).has(entry_id)) {
        if (of(run_id).size >= cap) return undefined;
        redis.sets.set(run_id, new Map(of(run_id)).set(entry_id, score));
      }
      return { unsure: redis.marker(run_id) === undefined, ...standingOf(of(run_id), entry_id)! };
    },
    async length(run_id) {
      return redis.marker(run_id) === undefined ? undefined : of(run_id).size;
    },
    async served(run_id, term, entry_ids) {
      without(run_id, entry_ids);
      return redis.marker(run_id) === `${term} ${redis.server}` ? undefined : String(redis.server);
    },
    async rebuild(run_id, { term, server, newest }, entries) {
      // Who came after the rows were read moves over.
      const newer = [...of(run_id)].filter(([, score]) => score % SEQUENCE_LIMIT > newest);
      redis.sets.set(run_id, new Map([...entries.map(({ entry_id, score }) => [entry_id, score] as const), ...newer]));
      if (server === String(redis.server)) redis.markers.set(run_id, { built: `${term} ${server}`, until_ms: redis.now_ms() + MARKER_MS });
    },
    async tellOutlook(run_id, marks) {
      redis.outlooks.set(run_id, { marks, until_ms: redis.now_ms() + OUTLOOK_MS });
    },
    async outlook(run_id) {
      const told = redis.outlooks.get(run_id);
      return told === undefined || told.until_ms <= redis.now_ms() ? undefined : told.marks;
    },
    async remove(run_id, entry_ids) {
      without(run_id, entry_ids);
    },
    async standing(run_id, entry_id) {
      return standingOf(of(run_id), entry_id);
    },
  };
}

function standingOf(set: ReadonlyMap<string, number>, entry_id: string): { ahead: number; length: number } | undefined {
  const score = set.get(entry_id);
  if (score === undefined) return undefined;
  const ahead = [...set].filter(([id, other]) => other < score || (other === score && id < entry_id)).length;
  return { ahead, length: set.size };
}
