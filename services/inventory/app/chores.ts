import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#kit/telemetry/log.ts';
import type { InventoryMetrics } from './metrics.ts';

/** Work that may be late but not lost while this process lives: the Redis half of a release, the end of a lost hold. */
export type Chores = {
  /** Tries the work after a pause, again with growing pauses, a bounded number of times. It must be repeatable. */
  later(name: string, work: () => Promise<unknown>): void;
  /** Lets what waits try once more and ends. */
  stop(): Promise<void>;
};

const MAX_CHORES = 10_000;
const PAUSES_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/** What is still left to do when the tries or the room are used up is found by the reconciler. */
export function openChores(log: Log, metrics: InventoryMetrics): Chores {
  const waiting = new Set<Promise<void>>();
  const ending = new AbortController();

  async function attempt(name: string, work: () => Promise<unknown>): Promise<void> {
    for (const pause_ms of PAUSES_MS) {
      await sleep(pause_ms, undefined, { signal: ending.signal }).catch(() => {});
      try {
        await work();
        return;
      } catch (error) {
        log.warn({ error, chore: name }, 'a chore has to be tried again');
      }
      if (ending.signal.aborted) break;
    }
    metrics.late_frees.inc({});
  }

  return {
    later(name, work) {
      if (waiting.size >= MAX_CHORES || ending.signal.aborted) {
        metrics.late_frees.inc({});
        return;
      }
      const chore = attempt(name, work).finally(() => waiting.delete(chore));
      waiting.add(chore);
    },
    async stop() {
      ending.abort();
      await Promise.all(waiting);
    },
  };
}
