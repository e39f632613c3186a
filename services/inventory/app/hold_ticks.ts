import { fail, type Result } from '#kit/base/result.ts';
import type { HoldAnswer } from './hold_seats.ts';
import type { InventoryMetrics } from './metrics.ts';
import type { PlannedHold } from './ports.ts';
import type { RunTick } from './run_tick.ts';

export type HoldTicks = {
  /** Holds that stay together, in their order (a unit); mostly one. */
  submit(unit: readonly PlannedHold[]): Promise<Result<HoldAnswer>[]>;
  idle(): Promise<void>;
};

export type TickLimits = { max_tick: number; max_in_flight: number; max_queue: number };

export const TICK_LIMITS: TickLimits = { max_tick: 256, max_in_flight: 2, max_queue: 4096 };

const RETRY_AFTER_MS = 200;

type Waiting = { unit: readonly PlannedHold[]; resolve: (answers: Result<HoldAnswer>[]) => void; reject: (error: unknown) => void; since_ms: number };

/**
 * Group commit. A hold that comes while fewer than two ticks are under way starts one at once, alone if it is alone; what
 * comes meanwhile waits and goes together in the next. So there is no timer and no added delay when idle, and ticks grow
 * by themselves with the load. The queue is bounded: beyond it OVERLOADED.
 */
export function holdTicks(run: RunTick, metrics: InventoryMetrics, limits: TickLimits = TICK_LIMITS): HoldTicks {
  let queue: Waiting[] = [];
  const under_way = new Set<Promise<void>>();

  function submit(unit: readonly PlannedHold[]): Promise<Result<HoldAnswer>[]> {
    if (queue.length >= limits.max_queue) {
      metrics.refused.inc({ reason: 'OVERLOADED' });
      return Promise.resolve(unit.map(() => fail('OVERLOADED', { retry_after_ms: RETRY_AFTER_MS })));
    }
    return new Promise((resolve, reject) => {
      queue.push({ unit, resolve, reject, since_ms: performance.now() });
      metrics.queue.set({}, queue.length);
      // After this turn of the event loop, so that the requests of one batch call meet in one tick.
      if (queue.length === 1) setImmediate(pump);
    });
  }

  function pump(): void {
    while (queue.length > 0 && under_way.size < limits.max_in_flight) {
      // What waits is spread over the ticks that may run, so that one computes while the other waits for a store.
      const tick = takeTick(Math.min(limits.max_tick, Math.ceil(queue.length / (limits.max_in_flight - under_way.size))));
      const work = drive(tick).finally(() => {
        under_way.delete(work);
        pump();
      });
      under_way.add(work);
    }
    metrics.queue.set({}, queue.length);
  }

  /** The oldest, each id once: a repeat that came along waits for the next tick and finds the first one's row. */
  function takeTick(size: number): Waiting[] {
    const [tick, later, ids] = [[] as Waiting[], [] as Waiting[], new Set<string>()];
    for (const waiting of queue) {
      const { unit } = waiting;
      if (tick.length < size && unit.every(({ hold_id }) => !ids.has(hold_id))) tick.push(waiting);
      else later.push(waiting);
      for (const { hold_id } of unit) ids.add(hold_id);
    }
    queue = later;
    return tick;
  }

  async function drive(tick: Waiting[]): Promise<void> {
    metrics.tick_size.observe({}, tick.length);
    const started_ms = performance.now();
    for (const { since_ms } of tick) metrics.tick_wait.observe({}, (started_ms - since_ms) / 1000);
    try {
      const answers = await run(tick.flatMap(({ unit }) => unit));
      let next = 0;
      for (const { unit, resolve, since_ms } of tick) {
        metrics.hold_seconds.observe({}, (performance.now() - since_ms) / 1000);
        resolve(answers.slice(next, (next += unit.length)));
      }
    } catch (error) {
      for (const { reject } of tick) reject(error);
    }
  }

  return {
    submit,
    async idle() {
      while (under_way.size > 0) await Promise.all(under_way);
    },
  };
}
