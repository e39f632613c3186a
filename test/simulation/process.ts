/**
 * Processes and the way between them. A process ends at any call: what it had sent still arrives, but nobody is there
 * for the answer, so the code that waits for it never goes on. Its successor is another Process.
 */
import type { Clock } from '#kit/base/clock.ts';
import { fail, FailureError, type Failure, type Result } from '#kit/base/result.ts';
import type { Timers } from '#kit/base/timers.ts';
import { CommitUnknown, StoreUnavailable } from '#kit/store/errors.ts';
import type { Faults } from './faults.ts';
import type { Scheduler } from './scheduler.ts';

export class Process {
  readonly name: string;
  alive = true;
  /** Stands still until then: a pause of the machine or of the collector. */
  frozen_until_ms = 0;
  /** How far its wall clock is off. */
  skew_ms = 0;
  /** Called when it ends. */
  onEnd: () => void = () => undefined;
  readonly #scheduler: Scheduler;

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.#scheduler = scheduler;
  }

  readonly clock: Clock = {
    now_ms: () => Math.floor(this.#scheduler.now_ms() + this.skew_ms),
    monotonic_ms: () => this.#scheduler.now_ms(),
  };

  readonly timers: Timers = {
    after: (ms, run) => this.#scheduler.after(ms, () => this.go(run)),
  };

  /** Lets the process do something: now, when it thaws, or never. */
  go(run: () => void): void {
    if (!this.alive) return;
    const frozen_ms = this.frozen_until_ms - this.#scheduler.now_ms();
    if (frozen_ms > 0) this.#scheduler.after(frozen_ms, () => this.go(run));
    else run();
  }

  end(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#scheduler.note(this.name, '✝ ends');
    this.onEnd();
  }
}

/** A database or Redis: reachable or not, for everybody at once. */
export class Store {
  readonly name: string;
  down_until_ms = 0;

  constructor(name: string) {
    this.name = name;
  }
}

const LATENCY_MS = [1, 2, 3, 5, 8, 13, 40] as const;
const STORE_DEADLINE_MS = 2000;
const OUTAGE_MS = [200, 2000, 12_000, 40_000] as const;
const FREEZE_MS = [500, 5000, 15_000, 40_000] as const;
const SLOW_MS = [300, 2500, 9000, 20_000] as const;
const JUMP_MS = [-90_000, -5000, 5000, 90_000] as const;
const JUMP_LASTS_MS = 30_000;

/** What a call of a store is, in traces and in the list of crashes. */
type LabelOf = (name: string, args: unknown[]) => string;

export class Net {
  readonly scheduler: Scheduler;
  readonly faults: Faults;

  constructor(scheduler: Scheduler, faults: Faults) {
    this.scheduler = scheduler;
    this.faults = faults;
  }

  latency_ms(): number {
    return this.scheduler.pick(LATENCY_MS) * (0.5 + this.scheduler.random.unit());
  }

  /** The store's methods as the process reaches them: each call is one transaction, at one moment. */
  stored<S extends object>(process: Process, store: Store, methods: S, labelOf: LabelOf = (name) => name): S {
    const wrapped: Record<string, unknown> = {};
    for (const [name, method] of Object.entries(methods)) {
      wrapped[name] = (...args: unknown[]) => this.ask(process, store, labelOf(name, args), () => (method as (...args: unknown[]) => unknown).apply(methods, args));
    }
    return wrapped as S;
  }

  /** One transaction. StoreUnavailable when nothing was changed, CommitUnknown when nobody can say. */
  ask<T>(process: Process, store: Store, label: string, effect: () => T | Promise<T>): Promise<T> {
    const { scheduler, faults } = this;
    return new Promise<T>((resolve, reject) => {
      if (!process.alive) return;
      this.#trouble(process, `${store.name}.${label}`);
      if (!process.alive) return;
      scheduler.after(this.latency_ms(), () => {
        if (faults.hits(store.name === 'redis' ? 'redis_outage' : 'store_outage')) {
          store.down_until_ms = scheduler.now_ms() + scheduler.pick(OUTAGE_MS);
          scheduler.note(store.name, `✗ away for ${store.down_until_ms - scheduler.now_ms()} ms`);
        }
        if (store.down_until_ms > scheduler.now_ms()) {
          scheduler.note(process.name, `${store.name}.${label} ✗ unavailable`);
          return process.go(() => reject(new StoreUnavailable(`${store.name} is away`)));
        }
        Promise.resolve()
          .then(effect)
          .then(
            (value) => {
              scheduler.note(process.name, () => `${store.name}.${label} ${shown(value)}`);
              if (this.#ends(process)) return this.#crash(process, `after ${store.name}.${label}`);
              if (store.name !== 'redis' && faults.hits('commit_unknown')) return void scheduler.after(STORE_DEADLINE_MS, () => process.go(() => reject(new CommitUnknown(`${store.name}.${label}`))));
              process.go(() => resolve(value));
            },
            (error: unknown) => process.go(() => reject(error as Error)),
          );
      });
    });
  }

  /**
   * A call of another process or of somebody outside. `from` undefined: a person. Rejects with DEADLINE where nothing
   * comes back in time; whether it had its effect is then unknown.
   */
  call<T>(from: Process | undefined, label: string, timeout_ms: number, effect: () => T | Promise<T>): Promise<T> {
    const { scheduler, faults } = this;
    return new Promise<T>((resolve, reject) => {
      const who = from?.name ?? 'traveller';
      const back = (run: () => void): void => (from === undefined ? run() : from.go(run));
      if (from !== undefined) {
        if (!from.alive) return;
        this.#trouble(from, label);
        if (!from.alive) return;
      }
      const cancel = scheduler.after(timeout_ms, () => {
        scheduler.note(who, `${label} ✗ no answer in ${timeout_ms} ms`);
        back(() => reject(new FailureError({ reason: 'DEADLINE', detail: label })));
      });
      if (faults.hits('request_lost')) return;
      scheduler.after(this.latency_ms(), () => {
        Promise.resolve()
          .then(effect)
          .then(
            (value) => {
              scheduler.note(who, () => `${label} → ${shown(value)}`);
              if (faults.hits('answer_lost')) return;
              if (from !== undefined && this.#ends(from)) return this.#crash(from, `after ${label}`);
              const arrive = (): void => {
                cancel();
                back(() => resolve(value));
              };
              if (faults.hits('answer_slow')) scheduler.after(scheduler.pick(SLOW_MS), arrive);
              else arrive();
            },
            (error: unknown) => {
              scheduler.note(who, `${label} ✗ ${String(error)}`);
              cancel();
              back(() => reject(error as Error));
            },
          );
      });
    });
  }

  /** What may befall a process at the very moment of a call. */
  #trouble(process: Process, label: string): void {
    const { scheduler, faults } = this;
    if (this.#ends(process)) return this.#crash(process, `before ${label}`);
    if (faults.hits('process_frozen')) {
      process.frozen_until_ms = scheduler.now_ms() + scheduler.pick(FREEZE_MS);
      scheduler.note(process.name, `❄ frozen for ${process.frozen_until_ms - scheduler.now_ms()} ms`);
    }
    if (faults.hits('clock_jump')) {
      process.skew_ms = scheduler.pick(JUMP_MS);
      scheduler.note(process.name, `⏱ clock jumps by ${process.skew_ms} ms`);
      scheduler.after(JUMP_LASTS_MS, () => {
        process.skew_ms = 0;
      });
    }
  }

  #ends({ name }: Process): boolean {
    return this.faults.hits('process_crash') || (name.startsWith('aftersales') && this.faults.hits('aftersales_crash'));
  }

  #crash(process: Process, point: string): void {
    this.faults.crashed(process.name, point);
    process.end();
  }
}

/** A peer that is away or too slow is a refusal, too. */
export async function asked<T>(call: Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof FailureError) return fail(error.failure.reason, error.failure);
    throw error;
  }
}

/** What a failed call is for the caller: a refusal when it is one, else "something is broken over there". */
export function failureOf(error: unknown): Failure {
  return error instanceof FailureError ? error.failure : { reason: 'INTERNAL', detail: String(error) };
}

function shown(value: unknown): string {
  if (value === undefined) return 'ok';
  if (typeof value !== 'object' || value === null) return String(value);
  if ('ok' in value && value.ok === false) {
    const { error, problem } = value as unknown as { error?: Failure; problem?: string };
    return `refused ${error === undefined ? problem : `${error.reason} ${error.detail ?? ''}`}`;
  }
  const inner = 'ok' in value && 'value' in value ? value.value : value;
  if (typeof inner !== 'object' || inner === null) return String(inner ?? 'ok');
  const state = (inner as { state?: unknown; stage?: unknown; outcome?: unknown }).state ?? (inner as { stage?: unknown }).stage ?? (inner as { outcome?: unknown }).outcome;
  return typeof state === 'string' ? state : Array.isArray(inner) ? `[${inner.length}]` : 'ok';
}
