/**
 * "Something changed" between the parts of the service: only a hint to look now. Whoever waits also looks from time to
 * time, so a lost signal costs a moment and nothing else.
 */
import type { Timers } from '#kit/base/timers.ts';

export type Signals = {
  emit(key: string): void;
  /** Calls `listener` at each signal of the key; returns how to stop. */
  on(key: string, listener: () => void): () => void;
  /** Calls `listener` with every key. */
  onAny(listener: (key: string) => void): () => void;
};

/** The run's queue has moved. */
export const runKey = (run_id: string): string => `run:${run_id}`;
/** For the owner of the run's queue: somebody has entered it; entries in flight are overdue. */
export const enteredKey = (run_id: string): string => `${ENTERED}${run_id}`;
export const runEntered = (key: string): string | undefined => (key.startsWith(ENTERED) ? key.slice(ENTERED.length) : undefined);
export const overdueKey = (run_id: string): string => `${OVERDUE}${run_id}`;
export const runOverdue = (key: string): string | undefined => (key.startsWith(OVERDUE) ? key.slice(OVERDUE.length) : undefined);
export const entryKey = (entry_id: string): string => `entry:${entry_id}`;
export const orderKey = (order_id: string): string => `order:${order_id}`;

/** How long inventory takes to hold places for a run, as the owner of its queue measures it. */
export const holdLatencyKey = ({ run_id, latency_ms }: { run_id: string; latency_ms: number }): string => `${LATENCY}${latency_ms}:${run_id}`;
export function holdLatencyOf(key: string): { run_id: string; latency_ms: number } | undefined {
  const [, latency_ms, run_id] = LATENCY_SHAPE.exec(key) ?? [];
  return latency_ms === undefined || run_id === undefined ? undefined : { run_id, latency_ms: Number(latency_ms) };
}

/** Signals within this process. `relay` passes them on to the others of the service. */
export function localSignals(relay?: (key: string) => void): Signals & { hear(key: string): void } {
  const listeners = new Map<string, Set<() => void>>();
  const any = new Set<(key: string) => void>();
  const hear = (key: string): void => {
    for (const listener of any) listener(key);
    for (const listener of listeners.get(key) ?? []) listener();
  };
  return {
    hear,
    emit(key) {
      hear(key);
      relay?.(key);
    },
    onAny(listener) {
      any.add(listener);
      return () => void any.delete(listener);
    },
    on(key, listener) {
      const set = listeners.get(key) ?? new Set();
      listeners.set(key, set.add(listener));
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(key) === set) listeners.delete(key);
      };
    },
  };
}

/** Resolves at the next signal of one of the keys, after the time, or when aborted. Listens from the moment of the call. */
export function nextSignal({ signals, timers }: { signals: Signals; timers: Timers }, keys: readonly string[], timeout_ms: number, abort: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      for (const end of ends) end();
      abort.removeEventListener('abort', done);
      resolve();
    };
    const cancel = timers.after(timeout_ms, done);
    const ends = keys.map((key) => signals.on(key, done));
    abort.addEventListener('abort', done, { once: true });
    if (abort.aborted) done();
  });
}

const ENTERED = 'entered:';
const OVERDUE = 'overdue:';
const LATENCY = 'latency:';
const LATENCY_SHAPE = /^latency:(\d+):(.+)$/;
