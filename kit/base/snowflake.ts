import type { Clock } from './clock.ts';
import { FailureError } from './result.ts';

/**
 * Ids of 63 bits, so that they fit a signed int64: 41 bits of milliseconds since 2025 (until 2094), 7 bits of worker,
 * 8 bits of user gene, 7 bits of sequence. The gene is the shard key of the owner, so an order is found from its id alone.
 */
export const EPOCH_MS = Date.UTC(2025, 0, 1);
export const WORKERS = 1 << 7;
export const GENES = 1 << 8;
const SEQUENCES = 1 << 7;
const TIME_LIMIT_MS = 2 ** 41;

/** How far the ids of a burst may run ahead of the clock: a longer burst than this is refused. */
const AHEAD_LIMIT_MS = 2000;

export type SnowflakeParts = { time_ms: number; worker: number; gene: number; sequence: number };

export type SnowflakeOptions = {
  clock: Clock;
  /** The leased worker number, 0 … 127. Two live generators must never have the same. */
  worker: number;
  /** Every id of a predecessor under this worker number lies at or before this time; the generator waits until it passed. */
  after_ms: number;
  /** The stored promise to successors: no id beyond this time. Extend it with the lease; without it there is no bound. */
  reserved_until_ms?: number;
};

/** Makes ids that are unique among all workers and grow within one. */
export class SnowflakeGenerator {
  readonly #clock: Clock;
  readonly #worker: number;
  readonly #after_ms: number;
  #reserved_until_ms: number;
  #last_ms: number;
  #sequence = 0;
  #lost = false;

  constructor({ clock, worker, after_ms, reserved_until_ms = Infinity }: SnowflakeOptions) {
    assertPart('worker', worker, WORKERS);
    this.#clock = clock;
    this.#worker = worker;
    this.#after_ms = after_ms;
    this.#last_ms = after_ms;
    this.#sequence = SEQUENCES - 1;
    this.#reserved_until_ms = reserved_until_ms;
  }

  /**
   * The next id for an owner's gene (0 … 255). Throws FailureError LEASE_LOST when the lease was lost or its reservation
   * is used up or the predecessor's time has not passed, and OVERLOADED when a burst ran too far ahead of the clock.
   */
  next(gene: number): bigint {
    assertPart('gene', gene, GENES);
    if (this.#lost) throw new FailureError({ reason: 'LEASE_LOST', detail: 'the worker lease of ids was lost' });
    const now_ms = this.#clock.now_ms();
    if (now_ms <= this.#after_ms) throw new FailureError({ reason: 'LEASE_LOST', detail: 'ids of a predecessor may still lie ahead', retry_after_ms: this.wait_ms() });
    const [time_ms, sequence] = this.#following(now_ms);
    if (time_ms - now_ms > AHEAD_LIMIT_MS) throw new FailureError({ reason: 'OVERLOADED', detail: 'ids ran ahead of the clock', retry_after_ms: AHEAD_LIMIT_MS });
    if (time_ms > this.#reserved_until_ms) throw new FailureError({ reason: 'LEASE_LOST', detail: 'the reserved time of ids is used up' });
    this.#last_ms = time_ms;
    this.#sequence = sequence;
    return joinSnowflake({ time_ms, worker: this.#worker, gene, sequence });
  }

  /** How long to wait until the predecessor's last time has passed, in milliseconds; 0 when ready. */
  wait_ms(): number {
    return Math.max(0, this.#after_ms + 1 - this.#clock.now_ms());
  }

  /** Resolves when the predecessor's last time has passed. */
  async ready(sleep: (ms: number) => Promise<void>): Promise<void> {
    while (this.wait_ms() > 0) await sleep(this.wait_ms());
  }

  /** Allows ids up to this time, after it was stored with the renewed lease. Never shrinks. */
  extend(reserved_until_ms: number): void {
    this.#reserved_until_ms = Math.max(this.#reserved_until_ms, reserved_until_ms);
  }

  /** Declares the lease lost: from now on every call is refused, for good. */
  declareLost(): void {
    this.#lost = true;
  }

  /** The time inside the latest id: what a successor must wait past. */
  last_ms(): number {
    return this.#last_ms;
  }

  /** A clock that stepped back, or a full millisecond, continues in the time of the ids themselves. */
  #following(now_ms: number): [time_ms: number, sequence: number] {
    if (now_ms > this.#last_ms) return [now_ms, 0];
    if (this.#sequence + 1 < SEQUENCES) return [this.#last_ms, this.#sequence + 1];
    return [this.#last_ms + 1, 0];
  }
}

export function joinSnowflake({ time_ms, worker, gene, sequence }: SnowflakeParts): bigint {
  assertPart('time', time_ms - EPOCH_MS, TIME_LIMIT_MS);
  const low = (worker << 15) | (gene << 7) | sequence;
  return (BigInt(time_ms - EPOCH_MS) << 22n) | BigInt(low);
}

export function splitSnowflake(id: bigint): SnowflakeParts {
  const low = Number(id & 0x3f_ffffn);
  return { time_ms: Number(id >> 22n) + EPOCH_MS, worker: low >>> 15, gene: (low >>> 7) & 0xff, sequence: low & 0x7f };
}

/** The gene of the owner inside an id: where its rows live. */
export function geneOf(id: bigint): number {
  return Number((id >> 7n) & 0xffn);
}

function assertPart(name: string, value: number, limit: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value >= limit) throw new RangeError(`snowflake ${name} out of range: ${value}`);
}
