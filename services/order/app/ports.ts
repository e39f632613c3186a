/** What the use cases need from stores and from the process. */
import type { Clock } from '#kit/base/clock.ts';
import type { GraySubject } from '#kit/base/gray.ts';
import type { Random } from '#kit/base/random.ts';
import type { Result } from '#kit/base/result.ts';
import type { Timers } from '#kit/base/timers.ts';
import type { OrderChange } from '../domain/change.ts';
import type { Claim } from '../domain/claim.ts';
import type { Demand } from '../domain/demand.ts';
import type { EntryState, QueueEntry } from '../domain/entry.ts';
import type { Ahead, Marks } from '../domain/hopeless.ts';
import type { Order, SeatPart, Todo } from '../domain/order.ts';
import type { PaceLimits } from '../domain/pace.ts';
import type { RunWord } from '../domain/run_word.ts';
import type { OrderState } from '../domain/state.ts';
import type { Actor } from './actor.ts';
import type { Peers } from './peers.ts';
import type { Signals } from './signals.ts';

/** Identifies a mutation: one effect and one answer for each. */
export type RequestKey = { account_id: string; request_id: string; method: string; body_hash: Uint8Array };

export type NewEntry = Omit<QueueEntry, 'sequence' | 'state' | 'hold_no'>;

/** A lease of a queue bucket; the term is checked in the transactions that rely on it. */
export type QueueLease = { name: string; owner: string; term: bigint };

/** What became of an entry, without the rest of it. */
export type EntryOutcome = Pick<QueueEntry, 'state' | 'order_id' | 'reason' | 'standby_id' | 'standby_reason'>;

/** For want of what an entry becomes a standby, and when that may be matched at the earliest. */
export type Turned = { entry_id: string; reason: string; after_ms?: number };

export type EntryStore = {
  find(entry_id: string): Promise<QueueEntry | undefined>;
  outcome(entry_id: string): Promise<EntryOutcome | undefined>;
  /** Idempotency, claims and the row in one transaction. JOURNEY_OVERLAP, REQUEST_ID_REUSED. A replay gives the entry as it is. */
  submit(entry: NewEntry, claims: readonly Claim[], key: RequestKey, actor: Actor): Promise<Result<QueueEntry>>;
  /** WAITING → PROCESSING of those that still wait, in the order given; undefined when the lease is not ours any more. */
  start(entry_ids: readonly string[], lease: QueueLease): Promise<QueueEntry[] | undefined>;
  /** Orders of PROCESSING entries, all in one transaction that checks the lease; the entries that became orders now. */
  place(orders: readonly Order[], lease: QueueLease): Promise<string[]>;
  /** Ends an open entry and frees its claims; false when it was not open (or not in `from`). */
  end(entry_id: string, to: 'FAILED' | 'LEFT', reason: string, actor: Actor, from?: EntryState): Promise<boolean>;
  /** Entries in `from` are to become standbys; their passengers' time is free. All in one transaction; the ids of those that were moved now. */
  toStandby(turned: readonly Turned[], actor: Actor, from: 'WAITING' | 'PROCESSING'): Promise<string[]>;
  /** STANDBY → FAILED, with the standby or with why there is none; false when it was not STANDBY any more. */
  endStandby(entry_id: string, became: { standby_id: string } | { reason: string }, actor: Actor): Promise<boolean>;
  /** The hold has run out: the next try takes another hold id. */
  nextHold(entry_id: string, hold_no: number): Promise<void>;
  /** Looks at the entry again after this time. */
  postpone(entry_id: string, wait_ms: number): Promise<void>;
  /** Ends PROCESSING entries and frees their claims, all in one transaction; the ids of those that were ended now. */
  failMany(refused: readonly { entry_id: string; reason: string }[], actor: Actor): Promise<string[]>;
  /** Runs with entries that wait (`waiting`) or are in flight. */
  openRuns(limit: number): Promise<{ run_id: string; bucket: number; waiting: boolean }[]>;
  /** The first waiting entries of a run, in the order in which they are served. */
  waiting(run_id: string, limit: number): Promise<{ entry_id: string; priority: number; sequence: number }[]>;
  /** How many wait that came before this one, whatever their priority. */
  waitingBefore(run_id: string, sequence: number): Promise<number>;
  /** PROCESSING entries of a run, in the order in which they left the queue. */
  inFlight(run_id: string, limit: number): Promise<QueueEntry[]>;
  /** What is wanted by those in flight, and by those who wait in the order of service; in one look. */
  demands(run_id: string, limit: number): Promise<{ waiting: Ahead[]; in_flight: Demand[] }>;
  /** The highest sequence number given so far. */
  newest(): Promise<number>;
  queues(limit: number, offset: number): Promise<{ run_id: string; bucket: number; length: number; in_flight: number; owner: string; term: bigint }[]>;
};

/** All that are set must hold. `create_to_ms` is exclusive, service dates are inclusive; `among` names the orders looked at. */
export type OrderQuery = {
  account_id?: string; run_id?: string; order_id?: string; person?: string; states: OrderState[]; before?: string; limit: number;
  tenant?: string; payment_id?: string; create_from_ms?: number; create_to_ms?: number; service_date_from?: string; service_date_to?: string; among?: readonly string[];
};

/** A search index of orders. Every method throws StoreUnavailable while it is away. */
export type OrderIndex = {
  /** Numbers of orders that fit, newest first. */
  search(query: OrderQuery): Promise<string[]>;
  /** Indexes orders as they are; one that the index has newer stays. */
  put(orders: readonly Order[]): Promise<void>;
  /** Makes an index beside the one that serves; its name. */
  create(now_ms: number): Promise<string>;
  fill(index: string, orders: readonly Order[]): Promise<void>;
  /** It serves from now on, and the one before goes. */
  adopt(index: string): Promise<void>;
  /** Makes an empty one where none serves: false then. */
  ensure(now_ms: number): Promise<boolean>;
  ready(): Promise<boolean>;
};

/** Behind an order of a run, in the order of both. */
export type RunPosition = { run_id: string; order_id: string };

/** What an item believes to have. `placed_on` is the run of its order; `run_id` the one it travels on now. */
export type RunItem = { order_id: string; placed_on: string; run_id: string; hold_id: string; item_no: number; state: OrderState; seat_parts: SeatPart[] };

export type TimelineRow = { time_ms: number; item_no: number; from?: OrderState; to: OrderState; cause: string; version: number; trace_id: string };

export type WriteOptions = {
  actor: Actor;
  operation: string;
  request_id?: string;
  /** When the driver looks again; undefined: never. */
  next_ms?: number;
};

export type OrderStore = {
  find(order_id: string): Promise<Order | undefined>;
  /** Newest first. */
  list(query: OrderQuery): Promise<Order[]>;
  timeline(order_id: string): Promise<TimelineRow[]>;
  /** Items that are not closed, of orders on these runs behind `after`; in order of run, order and item. */
  runItems(run_ids: readonly string[], after: RunPosition | undefined, limit: number): Promise<RunItem[]>;
  /** Places of a run that are held for orders and may come back: not paid, or owed to inventory. */
  unpaid(run_id: string, limit: number): Promise<SeatPart[]>;
  /** Items, order, timeline, event, audit and freed claims in one transaction; false when a version is another one. */
  apply(change: OrderChange, options: WriteOptions): Promise<boolean>;
  /** Once per request id: `decide` sees the stored order and says what changes; undefined: nothing needs to. */
  applyOnce(key: RequestKey, order_id: string, decide: (order: Order | undefined) => Result<OrderChange | undefined>, options: WriteOptions): Promise<Result<Order>>;
  /** Notes what is still owed and when to look again; without effect when the order has moved on. */
  note(order: Order, progress: { todo: Todo[]; attempts: number; next_ms?: number }): Promise<void>;
  /** Money that this order will never take; given back by the sweeper. True when it was not known before. */
  addLatePayment(payment: { payment_id: string; order_id: string; reason: string }): Promise<boolean>;
  latePaymentDone(payment_id: string): Promise<void>;
  cancellations(account_id: string, day: string): Promise<number>;
  /** Orders and entries under way by state, and those whose time has passed. */
  stats(): Promise<{ orders: { state: OrderState; count: number }[]; entries: { state: EntryState; count: number }[]; stuck: number }>;
};

/** What the railway has said of runs, and what it changes. */
export type RunWords = {
  of(run_id: string): Promise<RunWord[]>;
  /** Orders placed on a run that are not closed, newest first, before the number. */
  openOrders(run_id: string, before: string | undefined, limit: number): Promise<Order[]>;
  /**
   * `decide` sees the order, locked, and all words on the run that are known then: so nobody goes back behind a word that somebody
   * else has taken in. Journeys, passengers' time, timeline, event and audit in one transaction; undefined when nothing changed.
   */
  change(order_id: string, run_id: string, decide: (order: Order, words: readonly RunWord[]) => OrderChange | undefined, optionsOf: (after: Order) => WriteOptions): Promise<Order | undefined>;
  /** Ends WAITING entries of a run and frees their claims, all in one transaction; the ids of those that were ended now. */
  endWaiting(run_id: string, reason: string, limit: number): Promise<string[]>;
};

/** Where entries stand, in Redis. Who is next is read from the rows; this may be lost, and is rebuilt from them. */
export type WaitingQueue = {
  /** Undefined when it is full; else where the entry stands. `unsure`: the queue has not been built since it was lost, so that its length says nothing. */
  enter(run_id: string, entry_id: string, score: number, cap: number): Promise<{ unsure: boolean; ahead: number; length: number } | undefined>;
  /** Undefined when the queue has not been built since it was lost. */
  length(run_id: string): Promise<number | undefined>;
  /** Takes entries out. Answers with the server to build on when the queue was not built under this term, or may have lost something. */
  served(run_id: string, term: bigint, entry_ids: readonly string[]): Promise<string | undefined>;
  /** Replaces what there is. `newest`: read before the entries were; what came later stays. */
  rebuild(run_id: string, built: { term: bigint; server: string; newest: number }, entries: readonly { entry_id: string; score: number }[]): Promise<void>;
  remove(run_id: string, entry_ids: readonly string[]): Promise<void>;
  /** Undefined when the entry is not in it. */
  standing(run_id: string, entry_id: string): Promise<{ ahead: number; length: number } | undefined>;
  /** From which place on it is hopeless, for all processes; forgotten soon unless told again. */
  tellOutlook(run_id: string, marks: Marks): Promise<void>;
  outlook(run_id: string): Promise<Marks | undefined>;
};

export type QueueTicket = { entry_id: string; run_id: string; account_id: string; priority: number; sequence: number; expire_ms: number; demand?: Demand };

export type QueueTokens = {
  seal(ticket: QueueTicket): string;
  /** Undefined for a token that is not ours. */
  open(token: string): QueueTicket | undefined;
};

export type Meters = {
  /** From entering the queue to leaving it. */
  waited(ms: number): void;
  /** From leaving the queue to the order or its refusal. */
  processed(ms: number, outcome: 'ordered' | 'refused'): void;
  paymentDuplicate(): void;
};

export type OrderLog = { warn(fields: object, message: string): void; error(fields: object, message: string): void; info(fields: object, message: string): void };

/** What operators may change while the service runs is asked for each time. */
export type Settings = {
  /** 支付时限 of a new order; it may be another one for some. */
  pay_window_ms(who: GraySubject): number;
  /** One for all: a queue that treats its people differently is not fair. */
  pace(): PaceLimits;
  force_close_ms: number;
};

export type Ports = Peers & {
  entries: EntryStore;
  orders: OrderStore;
  queue: WaitingQueue;
  tokens: QueueTokens;
  signals: Signals;
  meters: Meters;
  log: OrderLog;
  clock: Clock;
  timers: Timers;
  random: Random;
  settings: Settings;
  /** The next order id of an account. */
  nextOrderId(account_id: string): string;
  hash(text: string): Uint8Array;
};

/** What customer service's search needs beside. */
export type SearchPorts = Pick<Ports, 'orders' | 'log' | 'clock'> & {
  /** Undefined where none is configured: then the database is searched. */
  index: OrderIndex | undefined;
  /** Orders behind a number, by number; with a time only those that changed since. */
  scan(from: { after: string; changed_since_ms: number | undefined; limit: number }): Promise<Order[]>;
  /** A record of its own, for reads that are to be accounted for. */
  audit(actor: Actor, facts: { operation: string; target: string; result: string }): Promise<void>;
};
