/** How fast each run's queue is drained and how long it may be, from the run's stock as inventory has it and what operators set. */
import type { Clock } from '#kit/base/clock.ts';
import { capacityShare, latencyAt, measured, UNDECIDED_MS, type HoldLatency } from '../domain/capacity.ts';
import { paceOf, queueCap, type Pace, type PaceLimits, type Stock } from '../domain/pace.ts';
import type { Inventory } from './peers.ts';
import type { OrderLog } from './ports.ts';
import { holdLatencyKey, type Signals } from './signals.ts';

/** Stock changes with every hold, but the pace need not follow faster. */
const FRESH_MS = 1000;
const RUNS_MAX = 20_000;
/** Until inventory has answered once: a small train's pace, so that nobody waits for an answer about waiting. */
const UNKNOWN: Stock = { seats_at_opening: 500, seats_free: 500 };

export type PacePorts = { inventory: Pick<Inventory, 'stocks'>; clock: Clock; log: OrderLog; settings: { pace(): PaceLimits }; signals: Pick<Signals, 'emit'> };

/** Other processes hear of a queue's latency at most this often. */
const TELL_MS = 500;

export type PaceFacts = Pace & { seats_free: number; capacity_share: number; hold_latency_ms: number };

type Known = { stock: Stock; at_ms: number; asking?: Promise<Stock> };

export class Paces {
  readonly #known = new Map<string, Known>();
  readonly #inventory: Pick<Inventory, 'stocks'>;
  readonly #clock: Clock;
  readonly #log: OrderLog;
  readonly #limits: () => PaceLimits;
  readonly #signals: Pick<Signals, 'emit'>;
  readonly #latencies = new Map<string, HoldLatency & { told_ms: number }>();

  constructor({ inventory, clock, log, settings, signals }: PacePorts) {
    this.#signals = signals;
    this.#inventory = inventory;
    this.#clock = clock;
    this.#log = log;
    this.#limits = () => settings.pace();
  }

  /** Entries a second. Never fails: an old stock, or a guess, serves while inventory does not answer. */
  async drainPerSecond(run_id: string): Promise<number> {
    return (await this.pace(run_id)).drain_per_s;
  }

  /** The pace, and what decides it. */
  async pace(run_id: string): Promise<PaceFacts> {
    const stock = await this.stock(run_id);
    const limits = this.#limits();
    const latency = this.#latencies.get(run_id);
    const now_ms = this.#clock.monotonic_ms();
    const capacity_share = capacityShare(latency, limits.hold_target_ms, now_ms);
    return { ...paceOf(stock, limits, capacity_share), seats_free: stock.seats_free, capacity_share, hold_latency_ms: latency === undefined ? 0 : Math.round(latencyAt(latency, now_ms)) };
  }

  /** The run's owner measured how long inventory took to hold places; undefined: it did not answer. Others are told, so that estimates agree. */
  measured(run_id: string, latency_ms: number = UNDECIDED_MS): void {
    const now_ms = this.#clock.monotonic_ms();
    const known = this.#latencies.get(run_id);
    const latency = measured(known, latency_ms, now_ms);
    const told_ms = known?.told_ms ?? -Infinity;
    // Only what is slow is told: without news others take it to be fast again soon.
    const tells = now_ms - told_ms >= TELL_MS && latency.ewma_ms > this.#limits().hold_target_ms;
    if (tells) this.#signals.emit(holdLatencyKey({ run_id, latency_ms: Math.round(latency.ewma_ms) }));
    // After the signal, which this process hears as well.
    this.#note(run_id, { ...latency, told_ms: tells ? now_ms : told_ms });
  }

  /** What the run's owner, another process, measured. */
  heard({ run_id, latency_ms }: { run_id: string; latency_ms: number }): void {
    this.#note(run_id, { ewma_ms: latency_ms, at_ms: this.#clock.monotonic_ms(), told_ms: -Infinity });
  }

  /** How many may wait for the run; a slow moment of inventory turns nobody away. Lowering it refuses newcomers; who waits already keeps the place. */
  async queueCap(run_id: string): Promise<number> {
    const limits = this.#limits();
    return queueCap(paceOf(await this.stock(run_id), limits).drain_per_s, limits);
  }

  async stock(run_id: string): Promise<Stock> {
    const known = this.#known.get(run_id);
    const now_ms = this.#clock.monotonic_ms();
    if (known !== undefined && now_ms - known.at_ms < FRESH_MS) return known.stock;
    if (known?.asking !== undefined) return known.asking;
    const asking = this.#ask(run_id, known?.stock ?? UNKNOWN);
    this.#known.set(run_id, { stock: known?.stock ?? UNKNOWN, at_ms: known?.at_ms ?? -Infinity, asking });
    return asking;
  }

  #note(run_id: string, latency: HoldLatency & { told_ms: number }): void {
    if (this.#latencies.size > RUNS_MAX) this.#latencies.clear();
    this.#latencies.set(run_id, latency);
  }

  async #ask(run_id: string, fallback: Stock): Promise<Stock> {
    let stock = fallback;
    try {
      stock = (await this.#inventory.stocks([run_id])).get(run_id) ?? fallback;
    } catch (error) {
      this.#log.warn({ error, run_id }, 'the stock of a run is not known');
    }
    if (this.#known.size > RUNS_MAX) this.#known.clear();
    this.#known.set(run_id, { stock, at_ms: this.#clock.monotonic_ms() });
    return stock;
  }
}
