/**
 * Virtual time. Everything that takes time in a simulation is a task here: a call that arrives, a timer, a fault. Tasks
 * run one after the other in the order of their times, and between two of them the promises of the code under test are
 * drained, so one seed gives one run, to the last step.
 */
import { integerBetween, seededRandom, type Random } from '#kit/base/random.ts';

type Task = { at_ms: number; sequence: number; run: (() => void) | undefined };

export type Cancel = () => void;

/** The moment at which every simulation begins, so that ids and dates of a seed never change. */
export const START_MS = Date.UTC(2026, 0, 15, 4);

/** How many steps a trace keeps: enough to read how a seed ended. */
const TRACE_MAX = 20_000;

export class Scheduler {
  readonly random: Random;
  readonly trace: string[] | undefined;
  #now_ms = START_MS;
  #sequence = 0;
  #steps = 0;
  readonly #heap: Task[] = [];

  constructor(seed: number, { traced = false } = {}) {
    this.random = seededRandom(seed);
    this.trace = traced ? [] : undefined;
  }

  now_ms(): number {
    return this.#now_ms;
  }

  steps(): number {
    return this.#steps;
  }

  /** Runs the task after so many milliseconds of virtual time, at the earliest in the next step. */
  after(ms: number, run: () => void): Cancel {
    const task: Task = { at_ms: this.#now_ms + Math.max(0, ms), sequence: (this.#sequence += 1), run };
    this.#push(task);
    return () => {
      task.run = undefined;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** Until nothing is left to happen, the time is over or so many steps were made. Says which. */
  async run(until_ms: number, steps_max: number): Promise<'idle' | 'time' | 'steps'> {
    await drained();
    while (this.#heap.length > 0) {
      if (this.#heap[0]!.at_ms > until_ms) return 'time';
      const task = this.#pop();
      if (task.run === undefined) continue;
      if (this.#steps >= steps_max) return 'steps';
      this.#steps += 1;
      this.#now_ms = task.at_ms;
      task.run();
      await drained();
    }
    return 'idle';
  }

  chance(share: number): boolean {
    return share > 0 && this.random.unit() < share;
  }

  between(min: number, max: number): number {
    return integerBetween(this.random, min, max);
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random.unit() * list.length)]!;
  }

  /** A line of the trace; words that cost something to find come as a function. */
  note(who: string, what: string | (() => string)): void {
    if (this.trace === undefined) return;
    this.trace.push(`${((this.#now_ms - START_MS) / 1000).toFixed(3).padStart(10)} s  ${who.padEnd(14)} ${typeof what === 'string' ? what : what()}`);
    if (this.trace.length > TRACE_MAX) this.trace.splice(0, TRACE_MAX / 2);
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let index = heap.push(task) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(task, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = task;
  }

  #pop(): Task {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(left: Task, right: Task): boolean {
  return left.at_ms < right.at_ms || (left.at_ms === right.at_ms && left.sequence < right.sequence);
}

/** The event loop comes round only when no promise has anything left to do. */
function drained(): Promise<void> {
  return new Promise((resolve) => void immediate(resolve));
}

const immediate = setImmediate;
