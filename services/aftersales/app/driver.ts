import { within, type Timers } from '#kit/base/timers.ts';
import type { Log } from '#kit/telemetry/log.ts';

export type Driver<T> = {
  /** As many steps as can be made now. Throws when one has to be repeated after a pause. */
  drive(id: bigint): Promise<{ again_in_ms: number } | undefined>;
  /** Drives it for the time a caller would wait; never throws. The row as it is then. */
  driveBriefly(row: T): Promise<T>;
  /** Resolves when nothing is being driven here. */
  idle(): Promise<void>;
};

/** The row after a step, or how long to wait for others. A step throws when it should be repeated after a pause. */
export type DriverOutcome<T> = T | { wait_ms: number };

export type DriverOptions<T> = {
  /** What is driven, for the log. */
  name: string;
  find: (id: bigint) => Promise<T | undefined>;
  idOf: (row: T) => bigint;
  /** Undefined when the row's stage is final. Every step may be repeated, and may end anywhere. */
  step: (row: T) => Promise<DriverOutcome<T>> | undefined;
  /** More than any row has. */
  steps_max: number;
  patience_ms: number;
  timers: Timers;
  log: Log;
};

/** Drives rows by their stage, each once at a time in this process; other processes are kept apart by compare-and-set. */
export function createStageDriver<T extends object>(options: DriverOptions<T>): Driver<T> {
  const { name, find, idOf, patience_ms, timers, log } = options;
  const running = new Map<bigint, Promise<{ again_in_ms: number } | undefined>>();
  const drive = (id: bigint): Promise<{ again_in_ms: number } | undefined> => {
    const under_way = running.get(id);
    if (under_way !== undefined) return under_way;
    const work = walk(options, id).finally(() => running.delete(id));
    running.set(id, work);
    return work;
  };
  return {
    drive,
    async driveBriefly(row) {
      const id = idOf(row);
      const work = drive(id).catch((error: unknown) => log.warn({ error, [`${name}_id`]: String(id) }, `a ${name} is left to the sweeper`));
      await within(timers, patience_ms, work);
      return (await find(id)) ?? row;
    },
    async idle() {
      await Promise.allSettled(running.values());
    },
  };
}

async function walk<T extends object>({ find, step, steps_max }: DriverOptions<T>, id: bigint): Promise<{ again_in_ms: number } | undefined> {
  let row = await find(id);
  for (let made = 0; row !== undefined && made < steps_max; made += 1) {
    const outcome = await step(row);
    if (outcome === undefined) return undefined;
    if ('wait_ms' in outcome) return { again_in_ms: outcome.wait_ms };
    row = outcome;
  }
  return undefined;
}
