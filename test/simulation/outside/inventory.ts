/**
 * The inventory service as its contract describes it, for the saga around it: holds by id, idempotent; unattached ones
 * live a minute, attached ones are asked for after half an hour. Its own insides have their own model and tests.
 */
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import type { Hold, HoldRequest } from '../../../services/order/app/peers.ts';
import type { SeatPart } from '../../../services/order/domain/order.ts';
import type { Stock } from '../../../services/order/domain/pace.ts';
import { SEAT_CLASS } from '../line.ts';
import type { Net } from '../process.ts';
import { KeptSeats } from './kept_seats.ts';

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

/** Places for somebody; `wish`: the same for every try. */
export type Claim = { wish: unknown; hold_id: string; run_id: string; from_index: number; to_index: number; passengers: Pick<HoldRequest['passengers'][number], 'item_no' | 'seat_classes'>[]; ttl_ms: number };

const UNATTACHED_MS = 60_000;
const ATTACHED_MS = 30 * 60_000;
const ASK_AGAIN_MS = 5000;
/** An unattached hold is ended by a sweeper that looks once a second. */
const SWEEP_MS = 1000;

export class SimInventory {
  readonly holds = new Map<string, HoldRow>();
  readonly runs: ReadonlyMap<string, SimRun>;
  readonly kept: KeptSeats;
  /** What went wrong in a way that no order of events excuses. */
  readonly violations: string[] = [];
  readonly #net: Net;
  readonly #isAlive: (order_id: string, hold_id: string) => boolean | undefined;

  constructor(net: Net, runs: readonly SimRun[], isAlive: (order_id: string, hold_id: string) => boolean | undefined) {
    this.#net = net;
    this.runs = new Map(runs.map((run) => [run.run_id, run]));
    this.#isAlive = isAlive;
    this.kept = new KeptSeats(net);
  }

  /** `wish`: the same for every try to get these places. */
  hold(request: Pick<HoldRequest, 'hold_id' | 'journey' | 'passengers'>, wish: unknown = request.passengers): Result<Hold> {
    if (this.#net.faults.hits('inventory_closed')) return fail('SHARD_CLOSED', { retry_after_ms: 300 });
    const { hold_id, journey: { run_id, from_index, to_index }, passengers } = request;
    const fresh = !this.holds.has(hold_id);
    const held = this.#place({ hold_id, run_id, from_index, to_index, passengers, wish, ttl_ms: UNATTACHED_MS }, false);
    if (fresh && held.ok) this.#oneHold({ hold_id, wish });
    return held;
  }

  /** Holds for some who wait, in their order, of what is free and what is kept; who comes behind one that gets nothing is not tried. */
  claim(wanted: readonly Claim[]): Result<undefined>[] {
    if (this.#net.faults.hits('inventory_closed')) return wanted.map(() => fail('SHARD_CLOSED', { retry_after_ms: 300 }));
    let over = false;
    return wanted.map((claim): Result<undefined> => {
      const known = this.holds.has(claim.hold_id);
      if (over && !known) return fail('VERSION_STALE');
      const held = this.#place(claim, true);
      // A process that stood still may ask for a try that others have given up; it gives that back.
      if (!known && held.ok && this.#net.faults.counts.process_frozen === 0) this.#oneHold(claim);
      over ||= !known && !held.ok;
      return mapResult(held, () => undefined);
    });
  }

  /** The places of a hold that is an order's or may become one. */
  findHeld(hold_id: string): Result<Hold> {
    const row = this.holds.get(hold_id);
    if (row === undefined) return fail('HOLD_NOT_FOUND');
    return row.state === 'HELD' ? answerOf(row) : fail('HOLD_EXPIRED');
  }

  #oneHold({ hold_id, wish }: Pick<HoldRow, 'hold_id' | 'wish'>): void {
    for (const row of this.holds.values()) {
      if (row.hold_id !== hold_id && isLive(row) && row.wish === wish) this.violations.push(`holds ${row.hold_id} and ${hold_id} hold places for one wish`);
    }
  }

  #place({ hold_id, run_id, from_index, to_index, passengers, wish, ttl_ms }: Claim, kept_too: boolean): Result<Hold> {
    const known = this.holds.get(hold_id);
    if (known !== undefined) return answerOf(known);
    const run = this.runs.get(run_id);
    if (run === undefined) return fail('TRAIN_RUN_NOT_FOUND');
    const free = seatsOf(run).filter((seat_no) => this.#isFree(run_id, seat_no, from_index, to_index, kept_too));
    if (free.length < passengers.length) return fail('SOLD_OUT');
    const places = passengers.map(({ item_no, seat_classes }, index) => ({ item_no, part: { seat: { coach_no: '01', seat_no: free[index]!, seat_class: seat_classes[0]! }, from_index, to_index } }));
    const row: HoldRow = { hold_id, run_id, state: 'HELD', order_id: '', places, wish };
    for (const { part } of places) this.kept.take(run_id, part);
    this.holds.set(hold_id, row);
    this.#expireIn(row, ttl_ms);
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
    const gone = item_nos.length === 0 ? row.places : row.places.filter(({ item_no }) => item_nos.includes(item_no));
    row.places = row.places.filter((place) => !gone.includes(place));
    if (row.places.length === 0) row.state = 'RELEASED';
    this.kept.keep(run_id, gone.map(({ part }) => part));
    return ok(undefined);
  }

  free(run_id: string, stretches: readonly { from_index: number; to_index: number }[]): { seat_class: typeof SEAT_CLASS; from_index: number; to_index: number; places: number }[] {
    return stretches.map(({ from_index, to_index }) => ({ seat_class: SEAT_CLASS, from_index, to_index, places: this.count(run_id, from_index, to_index, false) }));
  }

  /** How many seats are free on a stretch, for those who wait those included that are kept. */
  count(run_id: string, from_index: number, to_index: number, kept_too: boolean): number {
    const run = this.runs.get(run_id);
    return run === undefined ? 0 : seatsOf(run).filter((seat_no) => this.#isFree(run_id, seat_no, from_index, to_index, kept_too)).length;
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

  #isFree(run_id: string, seat_no: string, from_index: number, to_index: number, kept_too = false): boolean {
    if (!kept_too && this.kept.has(run_id, { seat_no, from_index, to_index })) return false;
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
      if (ms < ATTACHED_MS - UNATTACHED_MS) return this.#expireIn(row, ATTACHED_MS - UNATTACHED_MS);
      const alive = this.#isAlive(row.order_id, row.hold_id);
      if (alive === undefined) return this.#expireIn(row, ASK_AGAIN_MS);
      if (alive) return this.#expireIn(row, ATTACHED_MS);
      this.violations.push(`hold ${row.hold_id} of order ${row.order_id}, which does not need it, was left to the backstop`);
      this.release(row.hold_id, row.run_id);
    });
  }
}

function seatsOf({ seats }: SimRun): string[] {
  return Array.from({ length: seats }, (_, index) => String(index + 1));
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
