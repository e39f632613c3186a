/**
 * Inventory's kept places as its contract describes them (ADR 34): while somebody waits for a run, what is given back on it is kept for
 * those who wait, and is on sale when nobody got it in time.
 */
import type { SeatPart } from '../../../services/order/domain/order.ts';
import type { Net } from '../process.ts';

const KEEP_MS = 1500;
/** Places whose time is over are found by a sweep. */
const SWEEP_MS = 500;
export const KEPT_AT_MOST_MS = KEEP_MS + SWEEP_MS;

type Stretch = { seat_no: string; from_index: number; to_index: number };

export class KeptSeats {
  /** Tells aftersales that seats of a run are kept. */
  onKept: (run_id: string) => void = () => undefined;
  /** Whether the sweep looks. */
  opens = true;
  readonly #net: Net;
  readonly #flags = new Map<string, { waiting: boolean; version: bigint }>();
  /** By run, seat and segment: since when. */
  readonly #since_ms = new Map<string, number>();
  readonly #versions = new Map<string, bigint>();

  constructor(net: Net) {
    this.#net = net;
  }

  /** Whether somebody waits; what was told before does not count any more. */
  tell(run_id: string, waiting: boolean, version: bigint): void {
    if (version <= (this.#flags.get(run_id)?.version ?? 0n)) return;
    this.#flags.set(run_id, { waiting, version });
    if (waiting) return;
    for (const key of this.#of(run_id)) this.#since_ms.delete(key);
    this.#changed(run_id);
  }

  keep(run_id: string, parts: readonly SeatPart[]): void {
    if (this.#flags.get(run_id)?.waiting !== true || parts.length === 0) return;
    const { scheduler } = this.#net;
    const since_ms = scheduler.now_ms();
    const keys = parts.flatMap((part) => keysOf(run_id, { seat_no: part.seat.seat_no, from_index: part.from_index, to_index: part.to_index }));
    for (const key of keys) this.#since_ms.set(key, since_ms);
    this.#changed(run_id);
    scheduler.after(KEEP_MS + scheduler.random.unit() * SWEEP_MS, () => this.#open(run_id, keys, since_ms));
    this.onKept(run_id);
  }

  has(run_id: string, stretch: Stretch): boolean {
    return this.#since_ms.size > 0 && keysOf(run_id, stretch).some((key) => this.#since_ms.has(key));
  }

  /** Somebody who waits has got it. */
  take(run_id: string, { seat, from_index, to_index }: SeatPart): void {
    for (const key of keysOf(run_id, { seat_no: seat.seat_no, from_index, to_index })) if (this.#since_ms.delete(key)) this.#changed(run_id);
  }

  /** Another one when seats were kept, matched or put on sale meanwhile. */
  version(run_id: string): bigint {
    return this.#versions.get(run_id) ?? 0n;
  }

  /** The longest that a seat that is kept now has been kept. */
  longest_ms(): number {
    return Math.max(0, ...[...this.#since_ms.values()].map((since_ms) => this.#net.scheduler.now_ms() - since_ms));
  }

  /** How many seats of segments are kept, and of which runs inventory believes that somebody waits for them. */
  left(): { kept: number; waited_for: string[] } {
    return { kept: this.#since_ms.size, waited_for: [...this.#flags].filter(([, { waiting }]) => waiting).map(([run_id]) => run_id) };
  }

  #open(run_id: string, keys: readonly string[], since_ms: number): void {
    if (!this.opens) return;
    for (const key of keys) if (this.#since_ms.get(key) === since_ms && this.#since_ms.delete(key)) this.#changed(run_id);
  }

  #changed(run_id: string): void {
    this.#versions.set(run_id, this.version(run_id) + 1n);
  }

  #of(run_id: string): string[] {
    return [...this.#since_ms.keys()].filter((key) => key.startsWith(`${run_id} `));
  }
}

function keysOf(run_id: string, { seat_no, from_index, to_index }: Stretch): string[] {
  return Array.from({ length: to_index - from_index }, (_, index) => `${run_id} ${seat_no} ${from_index + index}`);
}
