// Work that is cheap in company: what comes within a moment goes out together, and everybody gets an outcome of their own.
import type { Timers } from '#kit/base/timers.ts';

export type CompanyOptions<T, R> = {
  /** How long the first waits for others. */
  wait_ms: number;
  /** The most that go together; so many go at once. */
  together_max: number;
  /** How many batches may be under way; what comes meanwhile waits for the next. */
  batches_max: number;
  /** How many may wait; more are refused with TooManyWaiting. */
  waiting_max: number;
  timers: Timers;
  /** Does all of them and answers in the same order. */
  run: (items: readonly T[]) => Promise<readonly R[]>;
  /** Whether what failed together is tried again, each by itself, so that only the bad ones fail. Then `run` must bear repeating. */
  apart?: (error: unknown) => boolean;
};

export type Company<T, R> = {
  /** Throws what `run` threw, and TooManyWaiting. */
  join(item: T): Promise<R>;
  /** Sends off what waits and resolves when nothing is under way any more. */
  stop(): Promise<void>;
};

export class TooManyWaiting extends Error {
  override name = 'TooManyWaiting';
}

type Waiting<T, R> = { item: T; resolve: (value: R) => void; reject: (error: unknown) => void };

export function company<T, R>(options: CompanyOptions<T, R>): Company<T, R> {
  const { wait_ms, together_max, batches_max, waiting_max, timers } = options;
  let waiting: Waiting<T, R>[] = [];
  let due = false;
  let stopped = false;
  const under_way = new Set<Promise<void>>();

  function pump(): void {
    while (waiting.length > 0 && under_way.size < batches_max && (due || stopped || waiting.length >= together_max)) {
      const batch = waiting.slice(0, together_max);
      waiting = waiting.slice(together_max);
      // Those who are left have waited already.
      due = waiting.length > 0;
      const work = drive(options, batch).finally(() => {
        under_way.delete(work);
        pump();
      });
      under_way.add(work);
    }
  }

  return {
    join(item) {
      if (waiting.length >= waiting_max) return Promise.reject(new TooManyWaiting('too many wait already'));
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        if (waiting.length === 1) {
          timers.after(wait_ms, () => {
            due = waiting.length > 0;
            pump();
          });
        }
        pump();
      });
    },
    async stop() {
      stopped = true;
      pump();
      while (under_way.size > 0) await Promise.all(under_way);
    },
  };
}

async function drive<T, R>({ run, apart }: CompanyOptions<T, R>, batch: readonly Waiting<T, R>[]): Promise<void> {
  try {
    const answers = await run(batch.map(({ item }) => item));
    if (answers.length !== batch.length) throw new Error(`${answers.length} answers to ${batch.length} questions`);
    for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!);
  } catch (error) {
    if (batch.length === 1 || apart?.(error) !== true) for (const { reject } of batch) reject(error);
    else for (const one of batch) await drive({ run } as CompanyOptions<T, R>, [one]);
  }
}
