/** Callers of inventory as they are meant to be: they repeat what had no answer, under the same id, and remember what they were told. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { HoldOwner, HoldState, type Hold, type HoldSeatsRequestSchema, type InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { Told } from '../support/inventory_oracle.ts';

/** Inventory as order calls it, and as aftersales does. */
type Clients = { client: ServiceClient<typeof InventoryService>; aftersales: ServiceClient<typeof InventoryService> };

export type HoldWish = { hold_id: string; run_id: string; from: number; to: number; seats: number; owner?: HoldOwner; seat_class?: SeatClass };

/** How a call ended: done, refused for good, or without an answer that says which. */
export type Ending = 'done' | 'refused' | 'open';

type Known = HoldWish & {
  /** As of the last answer. */
  version: bigint;
  /** Whom it is sold to. What is exchanged stays its order's. */
  order_id: string;
  told: Told & { states: string[]; places?: string[] };
  /** What was asked and has no answer: it may happen yet. */
  open: Map<string, { again: () => Promise<unknown>; leads_to: string[] }>;
};

/** Longer than any test, so that nothing runs out by itself. */
const TTL_MS = 600_000;
const CALL_MS = 4_000;
const PAUSE_MS = 50;
/** Answers that mean "come again": nothing is decided, or it is not known whether it is. */
const AGAIN = new Set(['SHARD_CLOSED', 'DEPENDENCY_UNAVAILABLE', 'OUTCOME_UNKNOWN', 'OVERLOADED', 'CONFLICT']);
const AGAIN_CODES = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED']);
/** Answers that are final and may be given in an orderly world. */
const FINAL = new Set(['SOLD_OUT', 'HOLD_CONFLICT', 'HOLD_EXPIRED', 'HOLD_NOT_FOUND', 'VERSION_STALE', 'SEAT_LOCKED']);

export class Callers {
  readonly #client: () => Clients;
  readonly #known = new Map<string, Known>();
  /** Answers that nobody should get, whatever happens to our stores. */
  readonly complaints: string[] = [];
  readonly refusals = new Map<string, number>();

  /** `client` says whom to call now: after a crash it is another process. */
  constructor(client: () => Clients) {
    this.#client = client;
  }

  get told(): Told[] {
    return [...this.#known.values()].map(({ told }) => told);
  }

  /** Ids of holds that were acknowledged and that nobody has asked to give back. */
  standing(...states: string[]): string[] {
    return [...this.#known.values()].filter(({ told }) => told.states.length === 1 && states.includes(told.states[0]!)).map(({ hold_id }) => hold_id);
  }

  runOf(hold_id: string): string {
    return this.#known.get(hold_id)!.run_id;
  }

  async hold(wish: HoldWish, tries = 1): Promise<Ending> {
    return this.#ask(this.#knownOf(wish), { what: 'hold', leads_to: ['HELD', 'ABORTED'] }, tries, () => this.#client().client.holdSeats(messageOf(wish), { timeout_ms: CALL_MS }));
  }

  /** Other places for a hold, as one step: the one is over when the other is there. */
  async exchange(old_id: string, wish: HoldWish, tries = 1): Promise<Ending> {
    const old = this.#known.get(old_id)!;
    const { version } = old;
    const before = { ...old.told };
    const known = this.#knownOf(wish);
    known.order_id = old.order_id;
    old.told.states = [...new Set([...old.told.states, 'RELEASED'])];
    old.told.places = undefined;
    const ending = await this.#ask(known, { what: 'exchange', leads_to: ['HELD', 'SOLD', 'ABORTED'] }, tries, async () => {
      const answer = await this.#client().aftersales.exchangeHold({ holdId: old_id, runId: wish.run_id, version, replacement: messageOf(wish) }, { timeout_ms: CALL_MS });
      old.told.states = ['RELEASED'];
      return answer;
    });
    if (ending === 'refused') Object.assign(old.told, before);
    return ending;
  }

  async sell(hold_id: string, tries = 1): Promise<Ending> {
    const known = this.#known.get(hold_id)!;
    return this.#ask(known, { what: 'sell', leads_to: ['SOLD'] }, tries, () => this.#client().client.sellHold({ holdId: hold_id, runId: known.run_id, orderId: known.order_id }, { timeout_ms: CALL_MS }));
  }

  /** Gives a hold back, or some of its items. Also one that was never made. */
  async release(hold_id: string, item_ids: string[] = [], tries = 1, run_id = ''): Promise<Ending> {
    const known = this.#knownOf({ hold_id, run_id, from: 0, to: 0, seats: 0 });
    const { owner = HoldOwner.ORDER } = known;
    return this.#ask(known, { what: `release ${item_ids.join()}`, leads_to: ['RELEASED', 'ABORTED'] }, tries, () =>
      this.#client().client.releaseHold({ holdId: hold_id, runId: known.run_id, owner, itemIds: item_ids, reason: 'test' }, { timeout_ms: CALL_MS }));
  }

  /** Repeats everything that had no answer until it has one. */
  async settle(): Promise<void> {
    for (const { open } of this.#known.values()) {
      while (open.size > 0) {
        for (const { again } of open.values()) await again();
        if (open.size > 0) await sleep(PAUSE_MS);
      }
    }
  }

  #knownOf(wish: HoldWish): Known {
    const known = this.#known.get(wish.hold_id) ?? { ...wish, version: 0n, order_id: orderOf(wish.hold_id), told: { hold_id: wish.hold_id, states: ['NONE'] }, open: new Map() };
    this.#known.set(wish.hold_id, known);
    return known;
  }

  async #ask(known: Known, { what, leads_to }: { what: string; leads_to: string[] }, tries: number, call: () => Promise<{ hold?: Hold }>): Promise<Ending> {
    const { told, open } = known;
    const before = [...told.states];
    const open_before = open.size;
    // From here on it may happen, whether an answer comes or not.
    open.set(what, { leads_to, again: () => this.#ask(known, { what, leads_to }, 1, call) });
    told.states = [...new Set([...told.states, ...leads_to])];
    told.places = undefined;
    for (let tried = 1; ; tried += 1) {
      try {
        const { hold } = await call();
        open.delete(what);
        known.version = hold!.version;
        const still_open = [...open.values()].flatMap((one) => one.leads_to);
        told.states = [...new Set([nameOf(hold!.state), ...still_open])];
        told.places = open.size === 0 ? placesOf(hold!) : undefined;
        return 'done';
      } catch (error) {
        const { reason, code } = error instanceof RpcError ? error : { reason: String(error), code: 'UNKNOWN' as const };
        const name = reason ?? code;
        this.refusals.set(name, (this.refusals.get(name) ?? 0) + 1);
        if (reason !== undefined ? !AGAIN.has(reason) : !AGAIN_CODES.has(code)) {
          open.delete(what);
          this.#judgeRefusal(known, { what, name, before, settled: open_before === 0 });
          return 'refused';
        }
        if (tried >= tries) return 'open';
        await sleep(PAUSE_MS);
      }
    }
  }

  /** A refusal changes nothing, must be one of those that may be given, and must not deny what was acknowledged. */
  #judgeRefusal({ told, hold_id, open }: Known, { what, name, before, settled }: { what: string; name: string; before: string[]; settled: boolean }): void {
    const live = before.length === 1 && (before[0] === 'HELD' || before[0] === 'SOLD');
    if (!FINAL.has(name) || (settled && live && name !== 'VERSION_STALE')) this.complaints.push(`${what} ${hold_id}: ${name}, told ${before.join()} before`);
    if (open.size > 0) return;
    if (what === 'hold' || what === 'exchange') told.states = told.states.filter((state) => state !== 'HELD' && state !== 'SOLD');
    else told.states = before;
  }
}

function messageOf({ hold_id, run_id, from, to, seats, owner = HoldOwner.ORDER, seat_class = SeatClass.SECOND }: HoldWish): MessageInitShape<typeof HoldSeatsRequestSchema> {
  const items = Array.from({ length: seats }, (_, index) => ({ itemId: String(index + 1), seatClasses: [seat_class] }));
  return { holdId: hold_id, runId: run_id, fromStationId: `s${from}`, toStationId: `s${to}`, items, owner, holdTtlMs: TTL_MS };
}

function orderOf(hold_id: string): string {
  return hold_id.replaceAll(/\W/g, '_').slice(-32);
}

function nameOf(state: HoldState): string {
  return Object.entries(HoldState).find(([, value]) => value === state)![0];
}

function placesOf({ seats }: Hold): string[] {
  return seats.map(({ itemId, seat, fromIndex, toIndex }) => `${itemId} ${seat?.coachNo ?? ''}/${seat?.seatNo ?? ''} ${fromIndex}-${toIndex}`);
}
