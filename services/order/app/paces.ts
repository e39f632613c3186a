/** How fast each run's queue is drained and how long it may be, from the run's stock as inventory has it and what operators set. */
import type { Clock } from '#kit/base/clock.ts';
import { drainPerSecond, queueCap, type PaceLimits, type Stock } from '../domain/pace.ts';
import type { Inventory } from './peers.ts';
import type { OrderLog } from './ports.ts';

/** Stock changes with every hold, but the pace need not follow faster. */
const FRESH_MS = 1000;
const RUNS_MAX = 20_000;
/** Until inventory has answered once: a small train's pace, so that nobody waits for an answer about waiting. */
const UNKNOWN: Stock = { seats_at_opening: 500, seats_free: 500 };

export type PacePorts = { inventory: Pick<Inventory, 'stocks'>; clock: Clock; log: OrderLog; settings: { pace(): PaceLimits } };

type Known = { stock: Stock; at_ms: number; asking?: Promise<Stock> };

export class Paces {
  readonly #known = new Map<string, Known>();
  readonly #inventory: Pick<Inventory, 'stocks'>;
  readonly #clock: Clock;
  readonly #log: OrderLog;
  readonly #limits: () => PaceLimits;

  constructor({ inventory, clock, log, settings }: PacePorts) {
    this.#inventory = inventory;
    this.#clock = clock;
    this.#log = log;
    this.#limits = () => settings.pace();
  }

  /** Entries a second. Never fails: an old stock, or a guess, serves while inventory does not answer. */
  async drainPerSecond(run_id: string): Promise<number> {
    return drainPerSecond(await this.stock(run_id), this.#limits());
  }

  /** How many may wait for the run. Lowering it refuses newcomers; who waits already keeps the place. */
  async queueCap(run_id: string): Promise<number> {
    return queueCap(await this.drainPerSecond(run_id), this.#limits());
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
