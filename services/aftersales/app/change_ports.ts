/** What changes of trains need from stores and from the other services. */
import type { Clock } from '#kit/base/clock.ts';
import type { Journey } from '#kit/base/journey.ts';
import type { Result } from '#kit/base/result.ts';
import type { Timers } from '#kit/base/timers.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Change, ChangeBody, ChangeItem, ChangeStage, Fare, PlacePart } from '../domain/change.ts';
import type { MoneySource } from '../domain/refund.ts';
import type { ChangeQuote, OrderTickets, RunFacts } from '../domain/change_quote.ts';
import type { Actor, Money } from './ports.ts';

/** An order as the caller may see it: another account's is ORDER_NOT_FOUND. */
export type TicketsView = (order_id: string) => Promise<Result<OrderTickets>>;

export type Replaced = { item_id: string; version: number; journey: Journey; places: PlacePart[]; hold_id: string; fare_fen: number; money: MoneySource[]; ticket_id: string };

export type ChangeOrders = {
  /** In our own name. */
  find(order_id: string): Promise<Result<OrderTickets>>;
  /** SUCCESS → CHANGE, with the wanted journey's time claimed. Idempotent by request_id, by compare-and-set on every version. */
  open(move: { request_id: string; order_id: string; items: readonly { item_id: string; version: number }[]; journey: Journey; cause: string }): Promise<Result<undefined>>;
  /** CHANGE → SUCCESS as it was. */
  giveBack(move: { request_id: string; order_id: string; items: readonly { item_id: string; version: number }[]; cause: string }): Promise<Result<undefined>>;
  /** CHANGE → SUCCESS with the new journey. */
  replace(move: { request_id: string; order_id: string; items: readonly Replaced[]; cause: string }): Promise<Result<undefined>>;
};

export type Timetable = {
  run(run_id: string): Promise<Result<RunFacts>>;
  /** The ride and what it costs passengers of these types. STOPS_NOT_ON_RUN, SEAT_CLASS_UNKNOWN, TRAIN_RUN_NOT_FOUND. */
  quote(ride: { run_id: string; from_station_id: string; to_station_id: string; seat_class: string; passenger_types: readonly string[] }): Promise<Result<{ journey: Journey; fares: Fare[] }>>;
};

export type ChangePlaces = {
  /** All or none, held for the change and attached to its order. Idempotent by hold_id. SOLD_OUT and the like. */
  hold(change: Change, hold_id: string): Promise<Result<{ item_no: number; places: PlacePart[] }[]>>;
  /** HELD → SOLD. */
  sell(hold: { hold_id: string; run_id: string; order_id: string }): Promise<Result<undefined>>;
  /** By whoever owns it. Repeatable; an unknown one is kept from coming into being. */
  release(hold: { hold_id: string; run_id: string; item_nos: readonly number[]; reason: string }): Promise<Result<undefined>>;
};

export type Swap = { outcome: 'ISSUED' | 'PENDING' | 'FAILED'; reason: string; tickets: { item_id: string; ticket_id: string }[] };

export type ChangeTickets = {
  /** Items whose ticket is valid: not used at a gate, not void. */
  valid(order_id: string): Promise<Result<ReadonlySet<string>>>;
  /** New tickets become valid and the old ones void in one step, or nothing happens. Idempotent by item and version. */
  swap(change: Change, items: readonly (ChangeItem & { now_version: number })[]): Promise<Result<Swap>>;
};

export type DifferenceState = 'OPEN' | 'SUCCEEDED' | 'CLOSED';

export type ChangeMoney = {
  /** Opens the payment of the difference. Idempotent by request_id. */
  open(wanted: { request_id: string; order_id: string; change_id: string; amount_fen: number; expire_ms: number }): Promise<Result<{ payment_id: string; state: DifferenceState }>>;
  state(payment_id: string): Promise<Result<DifferenceState>>;
  /** CONFLICT where the other verdict was given before. */
  settle(payment: { payment_id: string; order_id: string; accepted: boolean; reason: string }): Promise<Result<undefined>>;
  /** The gateway decides: `paid` when it has the money; `closed` is false while it has not answered. */
  close(change: { order_id: string; change_id: string; force: boolean }): Promise<Result<{ paid: boolean; closed: boolean }>>;
  refund: Money['refund'];
};

/** Tells the traveller, once for a change however often it is asked. */
export type ChangeNotices = {
  done(change: Change): Promise<Result<undefined>>;
  /** After its places had been locked: what was refused at once is told at once. */
  givenUp(change: Change): Promise<Result<undefined>>;
};

export type ChangeTokens = { seal(quote: ChangeQuote): string; open(token: string): ChangeQuote | undefined };

export type NewChange = { request_id: string; body_hash: Uint8Array; order_id: string; account_id: string; body: ChangeBody };

export type MoveOptions = { body?: Partial<ChangeBody>; payment_id?: string; pay_expire_ms?: number; reason?: string; wait_ms?: number };

export type ChangeStore = {
  /** The change that this request made before. REQUEST_ID_REUSED for another body; REQUEST_ID_INVALID, REQUEST_ID_EXPIRED. */
  ofRequest(requester: string, request_id: string, body_hash: Uint8Array): Promise<Result<Change | undefined>>;
  /** The row, BEGUN. */
  create(wanted: NewChange, actor: Actor): Promise<Result<Change>>;
  find(change_id: bigint): Promise<Change | undefined>;
  ofOrder(order_id: bigint): Promise<Change[]>;
  /**
   * By compare-and-set on the stage, with its audit record: of all who move a change at once one does. The change as it is
   * afterwards, whoever moved it.
   */
  move(change_id: bigint, from: ChangeStage, to: ChangeStage, more?: MoveOptions, actor?: Actor): Promise<Change>;
};

export type ChangeDeps = {
  store: ChangeStore;
  orders: ChangeOrders;
  timetable: Timetable;
  places: ChangePlaces;
  tickets: ChangeTickets;
  money: ChangeMoney;
  notices: ChangeNotices;
  clock: Clock;
  timers: Timers;
  log: Log;
  settings: ChangeSettings;
};

/** `pay_window_ms`: how long the difference may be paid; `force_close_ms`: how long a silent gateway is asked before we close without it. */
export type ChangeSettings = { pay_window_ms: number; force_close_ms: number };
