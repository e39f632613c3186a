/**
 * The inventory service as its contract describes it, for the saga around it: holds by id, idempotent; unattached ones
 * live a minute, attached ones are asked for after half an hour. Its own insides have their own model and tests.
 */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Hold, HoldRequest } from '../../../services/order/app/peers.ts';
import type { SeatPart } from '../../../services/order/domain/order.ts';
import type { Stock } from '../../../services/order/domain/pace.ts';
import { SEAT_CLASS } from '../line.ts';
import type { Net } from '../process.ts';

export type HoldRow = {
  hold_id: string;
  run_id: string;
  state: 'HELD' | 'SOLD' | 'RELEASED' | 'ABORTED';
  order_id: string;
  places: { item_no: number; part: SeatPart }[];
  /** What was wished; the same list for every try of an entry. */
  wish: unknown;
};

export type SimRun = { run_id: string; seats: number; segments: number };

const UNATTACHED_MS = 60_000;
const ATTACHED_MS = 30 * 60_000;
const ASK_AGAIN_MS = 5000;
/** An unattached hold is ended by a sweeper that looks once a second. */
const SWEEP_MS = 1000;

export class SimInventory {
  readonly holds = new Map<string, HoldRow>();
  readonly runs: ReadonlyMap<string, SimRun>;
  /** What went wrong in a way that no order of events excuses. */
  readonly violations: string[] = [];
  readonly #net: Net;
  readonly #isAlive: (order_id: string) => boolean | undefined;

  constructor(net: Net, runs: readonly SimRun[], isAlive: (order_id: string) => boolean | undefined) {
    this.#net = net;
    this.runs = new Map(runs.map((run) => [run.run_id, run]));
    this.#isAlive = isAlive;
  }

  hold(request: HoldRequest): Result<Hold> {
    if (this.#net.faults.hits('inventory_closed')) return fail('SHARD_CLOSED', { retry_after_ms: 300 });
    const known = this.holds.get(request.hold_id);
    if (known !== undefined) return answerOf(known);
    const run = this.runs.get(request.journey.run_id);
    if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
    const { from_index, to_index } = request.journey;
    const free = Array.from({ length: run.seats }, (_, index) => String(index + 1)).filter((seat_no) => this.#isFree(run.run_id, seat_no, from_index, to_index));
    if (free.length < request.passengers.length) return fail('SOLD_OUT');
    const places = request.passengers.map(({ item_no, seat_classes }, index) => ({ item_no, part: { seat: { coach_no: '01', seat_no: free[index]!, seat_class: seat_classes[0]! }, from_index, to_index } }));
    for (const row of this.holds.values()) {
      if (isLive(row) && row.wish === request.passengers) this.violations.push(`holds ${row.hold_id} and ${request.hold_id} hold places for one wish`);
    }
    const row: HoldRow = { hold_id: request.hold_id, run_id: run.run_id, state: 'HELD', order_id: '', places, wish: request.passengers };
    this.holds.set(row.hold_id, row);
    this.#expireIn(row, UNATTACHED_MS);
    return answerOf(row);
  }

  attach({ hold_id, order_id }: { hold_id: string; order_id: string }): Result<undefined> {
    const row = this.holds.get(hold_id);
    if (row === undefined || !isLive(row)) return whyOver(row);
    if (row.order_id !== '' && row.order_id !== order_id) return fail('HOLD_CONFLICT');
    row.order_id = order_id;
    return ok(undefined);
  }

  sell({ hold_id, order_id }: { hold_id: string; order_id: string }): Result<undefined> {
    const row = this.holds.get(hold_id);
    if (row === undefined || !isLive(row)) return whyOver(row);
    if (row.order_id !== '' && row.order_id !== order_id) return fail('HOLD_CONFLICT');
    row.order_id = order_id;
    row.state = 'SOLD';
    return ok(undefined);
  }

  /** Some items or all; an unknown hold gets a tombstone, so that it can't come into being later. */
  release(hold_id: string, run_id: string, item_nos: readonly number[] = []): Result<undefined> {
    const row = this.holds.get(hold_id);
    if (row === undefined) {
      this.holds.set(hold_id, { hold_id, run_id, state: 'ABORTED', order_id: '', places: [], wish: undefined });
      return ok(undefined);
    }
    if (!isLive(row)) return ok(undefined);
    row.places = item_nos.length === 0 ? [] : row.places.filter(({ item_no }) => !item_nos.includes(item_no));
    if (row.places.length === 0) row.state = 'RELEASED';
    return ok(undefined);
  }

  free(run_id: string, stretches: readonly { from_index: number; to_index: number }[]): { seat_class: typeof SEAT_CLASS; from_index: number; to_index: number; places: number }[] {
    const seats = Array.from({ length: this.runs.get(run_id)?.seats ?? 0 }, (_, index) => String(index + 1));
    return stretches.map(({ from_index, to_index }) => ({ seat_class: SEAT_CLASS, from_index, to_index, places: seats.filter((seat) => this.#isFree(run_id, seat, from_index, to_index)).length }));
  }

  stocks(run_ids: readonly string[]): Map<string, Stock> {
    return new Map(run_ids.flatMap((run_id) => {
      const run = this.runs.get(run_id);
      if (run === undefined) return [];
      const free = Array.from({ length: run.seats }, (_, index) => index).filter((index) => this.#isFree(run_id, String(index + 1), 0, run.segments)).length;
      return [[run_id, { seats_at_opening: run.seats, seats_free: free }]];
    }));
  }

  hasHeld(): boolean {
    for (const { state } of this.holds.values()) if (state === 'HELD') return true;
    return false;
  }

  /** A fault: a hold is gone before its order could be sold, as after a repair by people. */
  loseOne(): void {
    const row = this.#net.scheduler.pick([...this.holds.values()].filter(({ state }) => state === 'HELD'));
    this.#net.scheduler.note('inventory', `✗ hold ${row.hold_id} is lost`);
    row.places = [];
    row.state = 'RELEASED';
  }

  #isFree(run_id: string, seat_no: string, from_index: number, to_index: number): boolean {
    for (const row of this.holds.values()) {
      if (row.run_id !== run_id || !isLive(row)) continue;
      if (row.places.some(({ part }) => part.seat.seat_no === seat_no && part.from_index < to_index && from_index < part.to_index)) return false;
    }
    return true;
  }

  #expireIn(row: HoldRow, ms: number): void {
    const { scheduler } = this.#net;
    scheduler.after(ms + scheduler.random.unit() * SWEEP_MS, () => {
      if (row.state !== 'HELD') return;
      if (row.order_id === '') return void this.release(row.hold_id, row.run_id);
      if (ms === UNATTACHED_MS) return this.#expireIn(row, ATTACHED_MS - UNATTACHED_MS);
      const alive = this.#isAlive(row.order_id);
      if (alive === undefined) return this.#expireIn(row, ASK_AGAIN_MS);
      if (alive) return this.#expireIn(row, ATTACHED_MS);
      this.violations.push(`hold ${row.hold_id} of order ${row.order_id}, which is closed, was left to the backstop`);
      this.release(row.hold_id, row.run_id);
    });
  }
}

export function isLive(row: HoldRow): boolean {
  return row.state === 'HELD' || row.state === 'SOLD';
}

function answerOf(row: HoldRow): Result<Hold> {
  if (!isLive(row)) return whyOver(row);
  return ok({ hold_id: row.hold_id, places: row.places.map(({ item_no, part }) => ({ item_no, parts: [part] })) });
}

function whyOver(row: HoldRow | undefined): { ok: false; error: { reason: 'HOLD_NOT_FOUND' | 'HOLD_EXPIRED' | 'HOLD_CONFLICT' } } {
  const reason = row === undefined ? 'HOLD_NOT_FOUND' : row.state === 'RELEASED' ? 'HOLD_EXPIRED' : 'HOLD_CONFLICT';
  return { ok: false, error: { reason } };
}
