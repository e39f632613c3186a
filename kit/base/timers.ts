/** Waiting as a dependency: what must happen later without anybody calling. In a simulation the scheduler decides. */
export type Timers = {
  /** Calls `run` once after so many milliseconds; the function returned keeps it from happening. */
  after(ms: number, run: () => void): () => void;
};

export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export function sleep(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve));
}

/** Resolves with the work, or after the time, whichever is first; a work that fails counts as done. */
export async function within(timers: Timers, ms: number, work: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      cancel();
      resolve();
    };
    const cancel = timers.after(ms, end);
    work.then(end, end);
  });
}
