// Snowflake ids of a process: a generator under a leased worker number, and another one when that number is lost.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '#kit/base/clock.ts';
import { FailureError } from '#kit/base/result.ts';
import { SnowflakeGenerator, WORKERS } from '#kit/base/snowflake.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Database } from './mysql.ts';
import { leaseWorker, type WorkerLease } from './worker.ts';

export interface IdSource {
  /** The next id with this gene (0 … 255). Throws FailureError LEASE_LOST while no worker number is held. */
  next(gene: number): bigint;
}

export interface IdOptions {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  /** Of the lease; how long a lost number goes unnoticed at most. */
  readonly ttl_ms?: number;
  /** How long to wait between tries for another number. */
  readonly retry_ms?: number;
}

const RETRY_MS = 1_000;

/** Resolves when ids can be made. The number is given back when the lifecycle ends. */
export async function leaseIds(options: IdOptions): Promise<IdSource> {
  const ids = new LeasedIds(options);
  await ids.take();
  options.lifecycle.onStop('worker number', () => ids.stop());
  return ids;
}

class LeasedIds implements IdSource {
  readonly #options: IdOptions;
  readonly #ending = new AbortController();
  #held: { lease: WorkerLease; generator: SnowflakeGenerator } | undefined;
  #retaking: Promise<void> | undefined;

  constructor(options: IdOptions) {
    this.#options = options;
  }

  next(gene: number): bigint {
    if (this.#held === undefined) throw new FailureError({ reason: 'LEASE_LOST', detail: 'no worker number is held', retry_after_ms: RETRY_MS });
    return this.#held.generator.next(gene);
  }

  /** Leases a number and waits until no predecessor's id can lie ahead. */
  async take(): Promise<void> {
    const { db, log, clock, ttl_ms } = this.#options;
    let generator: SnowflakeGenerator | undefined;
    const lease = await leaseWorker({
      db,
      log,
      owner: randomUUID(),
      workers: WORKERS,
      now_ms: () => clock.now_ms(),
      ttl_ms,
      onReserved: (until_ms) => generator?.extend(until_ms),
      onLost: () => this.#lost(generator),
    });
    generator = new SnowflakeGenerator({ clock, worker: lease.worker_id, after_ms: lease.after_ms, reserved_until_ms: lease.reserved_until_ms });
    await generator.ready((ms) => sleep(ms));
    this.#held = { lease, generator };
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#retaking;
    if (this.#held !== undefined) await this.#held.lease.release(this.#held.generator.last_ms());
  }

  /** Somebody else may have the number by now, so it is never used again; another one is leased. */
  #lost(generator: SnowflakeGenerator | undefined): void {
    generator?.declareLost();
    this.#held = undefined;
    this.#retaking ??= this.#retake().finally(() => (this.#retaking = undefined));
  }

  async #retake(): Promise<void> {
    const { log, retry_ms = RETRY_MS } = this.#options;
    while (!this.#ending.signal.aborted) {
      try {
        return await this.take();
      } catch (error) {
        log.warn({ error }, 'no worker number could be leased');
        await sleep(retry_ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      }
    }
  }
}
