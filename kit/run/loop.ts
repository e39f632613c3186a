import { systemRandom, jittered } from '#kit/base/random.ts';
import type { Random } from '#kit/base/random.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';

export type LoopOptions = {
  /** A word for logs and metrics. */
  name: string;
  service?: string;
  /** Pause between the end of one run and the start of the next. */
  every_ms: number;
  /** Share by which pauses vary, so that many processes do not act together. */
  jitter?: number;
  /** A run that takes longer has its signal aborted. */
  run_timeout_ms?: number;
  /** The longest pause after repeated failures (default 5 s); pauses double from `every_ms` (at least 100 ms). */
  max_backoff_ms?: number;
  /** Ends the loop, like stop(). */
  signal?: AbortSignal;
  log?: Log;
  random?: Random;
  /** Returning `again` runs the next round at once, e.g. when a batch was full. */
  run: (signal: AbortSignal) => Promise<'again' | void>;
};

export type Loop = {
  /** Runs at once, or right after the current run. Many nudges make one run; a backoff after a failure is not cut short. */
  nudge(): void;
  /** Aborts the current run's signal and resolves when the run has ended; nothing runs afterwards. */
  stop(): Promise<void>;
};

/** Repeats background work for ever, one run at a time. A failing run is logged, counted and followed by a growing pause. */
export function repeat(options: LoopOptions): Loop {
  const loop = new RepeatedWork(options);
  const done = loop.work();
  return {
    nudge: () => loop.nudge(),
    stop: () => {
      loop.end();
      return done;
    },
  };
}

class RepeatedWork {
  readonly #options: LoopOptions;
  readonly #ending = new AbortController();
  readonly #random: Random;
  readonly #runs;
  #failures = 0;
  #nudged = false;
  #wake: (() => void) | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#random = options.random ?? systemRandom;
    this.#runs = metricsFor(options.service ?? 'process').counter('loop_runs_total', 'Runs of background loops by outcome', ['loop', 'outcome']);
    options.signal?.addEventListener('abort', () => this.end(), { once: true, signal: this.#ending.signal });
    if (options.signal?.aborted === true) this.end();
  }

  async work(): Promise<void> {
    // The first run waits for a pause too: the one who starts a loop decides with nudge() whether it should run at once.
    while (!this.#ending.signal.aborted) {
      await this.#pause();
      if (this.#ending.signal.aborted) return;
      this.#nudged = false;
      if ((await this.#runOnce()) === 'again') this.#nudged = true;
    }
  }

  nudge(): void {
    this.#nudged = true;
    if (this.#failures === 0) this.#wake?.();
  }

  end(): void {
    this.#ending.abort(new Error(`loop ${this.#options.name} was stopped`));
    this.#wake?.();
  }

  async #runOnce(): Promise<'again' | void> {
    const { name, run, run_timeout_ms = 60_000, log } = this.#options;
    try {
      const outcome = await run(AbortSignal.any([this.#ending.signal, AbortSignal.timeout(run_timeout_ms)]));
      this.#failures = 0;
      this.#runs.inc({ loop: name, outcome: 'ok' });
      return outcome;
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      this.#failures += 1;
      this.#runs.inc({ loop: name, outcome: 'error' });
      log?.warn({ error, loop: name, failures: this.#failures }, 'a background run failed');
    }
  }

  #pause(): Promise<void> {
    if ((this.#nudged && this.#failures === 0) || this.#ending.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), this.#pause_ms());
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #pause_ms(): number {
    const { every_ms, jitter = 0.1, max_backoff_ms = 5000 } = this.#options;
    if (this.#failures === 0) return jittered(every_ms, jitter, this.#random);
    const backoff_ms = Math.max(every_ms, 100) * 2 ** Math.min(this.#failures - 1, 16);
    return jittered(Math.min(backoff_ms, Math.max(max_backoff_ms, every_ms)), jitter, this.#random);
  }
}
