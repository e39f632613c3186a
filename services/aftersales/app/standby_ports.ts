import type { Clock } from '#kit/base/clock.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Result } from '#kit/base/result.ts';
import type { Timers } from '#kit/base/timers.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { FreePlaces, Head } from '../domain/standby_matching.ts';
import type { Calibration, Outcome, ReleaseRate } from '../domain/standby_odds.ts';
import type { PassengerType, Standby, Traveller, Wish } from '../domain/standby.ts';
import type { Upgrade } from '../domain/upgrade.ts';
import type { Actor } from './ports.ts';

/** Who asks, beside what the audit wants of an actor. */
export type StandbyActor = Actor & { tenant: string; channel: string; member_level: number };

export type WishRequest = { run_id: string; from_station_id: string; to_station_id: string; seat_classes: readonly string[]; accept_same_train_change: boolean };

export type NewStandby = { request_id: string; body_hash: Uint8Array; wishes: readonly Wish[]; travellers: readonly Traveller[]; deadline_ms: number; /** In no queue until then. */ match_after_ms: number | undefined; priority: number; raw_odds: number; upgrade?: Upgrade };

/** One of the first of its kind that wait for a run, and whose it is. */
export type WaitingHead = Head & { standby_id: bigint };

/** So many of a kind that wait for a run. */
export type KindCount = { kind: string; requests: number };

export type StandbyStore = {
  /** What this request made before. REQUEST_ID_REUSED for another body; REQUEST_ID_INVALID, REQUEST_ID_EXPIRED. */
  ofRequest(account_id: string, request_id: string, body_hash: Uint8Array): Promise<Result<Standby | undefined>>;
  /** PENDING, in the queue of every run it names. JOURNEY_OVERLAP, STANDBY_LIMIT; CHANGE_NOT_ALLOWED when a ticket waits for a better train already. */
  create(wanted: NewStandby, actor: StandbyActor): Promise<Result<Standby>>;
  find(standby_id: bigint): Promise<Standby | undefined>;
  /** Newest first. */
  list(account_id: bigint, before: bigint | undefined, limit: number, /** Only upgrades of this order. */ upgrade_of?: string): Promise<Standby[]>;
  /** The first of each kind that waits for a run; those that are being matched included. */
  heads(run_id: string): Promise<WaitingHead[]>;
  /** Those that are before a rank in the queue of a run. */
  ahead(run_id: string, rank: number): Promise<KindCount[]>;
  /** The first ones of some kinds that wait for a run, as many of each as is said. */
  front(run_id: string, kinds: readonly KindCount[]): Promise<WaitingHead[]>;
  /** PENDING → MATCHING, one after the other in their order; it ends before the first that is not PENDING or whose time is over. */
  claim(wanted: readonly WaitingHead[]): Promise<Standby[]>;
  /** Those that are MATCHING on a run and were not decided, in the order of their rank. */
  undecided(run_id: string): Promise<Standby[]>;
  /** MATCHING → PENDING. `forget`: that wish can never be had any more. The standby as it is then; without a wish left it has failed. */
  putBack(standby: Standby, forget?: ErrorReason): Promise<Standby>;
  /** MATCHING → LOCKED: they leave all queues. As they are then, in the same order. */
  lock(standbys: readonly Standby[]): Promise<Standby[]>;
  /** LOCKED → PENDING, at its old place: the seats were lost before an order was made of them. */
  requeue(standby: Standby): Promise<Standby>;
  /** LOCKED → AWAIT_PAY. */
  awaitPay(standby: Standby, order_id: string): Promise<Standby>;
  /** Ends it, and leaves what queues it is in; the standby as it is then, whoever ended it. */
  end(standby: Standby, to: 'SUCCESS' | 'FAIL', reason: string, actor?: Actor): Promise<Standby>;
  /** What it waited for before it could be matched is over: into the queues. */
  wake(standby: Standby): Promise<Standby>;
  /** Its priority by the time it has waited. */
  age(standby: Standby, priority: number): Promise<Standby>;
  /** Who may match a run now, for so long. */
  lease(run_id: string, owner: string, ttl_ms: number): Promise<boolean>;
  unlease(run_id: string, owner: string): Promise<void>;
  /** Whether anybody waits for a run, and whether inventory was told so. */
  waiting(run_id: string): Promise<{ waiting: boolean; version: bigint; told: bigint } | undefined>;
  /** Inventory knows of this version; the run is looked at again when there is a newer one, or after a while. */
  told(run_id: string, version: bigint): Promise<void>;
};

/** Measured releases, and what became of requests that were told odds. */
export type StandbyMeasures = {
  released(run_id: string, seats: number): Promise<void>;
  rates(): Promise<ReleaseRate[]>;
  outcomes(limit: number): Promise<Outcome[]>;
};

export type Odds = { rates(): Promise<readonly ReleaseRate[]>; calibration(): Promise<Calibration> };

/** Inventory, as those who wait need it. */
export type StandbySeats = {
  /** What is free for them, kept seats included; another version when seats were kept, matched or put on sale meanwhile. */
  free(run_id: string): Promise<Result<{ places: FreePlaces; version: bigint }>>;
  /** What anybody can buy. */
  onSale(wish: Pick<Wish, 'run_id' | 'from_index' | 'to_index'>): Promise<Result<ReadonlyMap<string, number>>>;
  /**
   * Holds seats of one run for several in their order, each for all of its group, for `hold_ttl_ms`. SOLD_OUT and all else that a hold
   * is refused for; VERSION_STALE for who was not tried, because somebody before it got nothing.
   */
  claim(wanted: readonly { standby: Standby; wish: Wish }[], hold_ttl_ms: number): Promise<Result<undefined>[]>;
  release(standby: Standby, wish: Wish, reason: string): Promise<Result<undefined>>;
  tell(run_id: string, waiting: boolean, version: bigint): Promise<Result<undefined>>;
};

export type MatchedOrder = 'WAITING' | 'PAID' | 'TICKETED' | { failed: string };

export type StandbyOrders = {
  /** An order of its own for the seats that were matched; idempotent by standby and try. */
  create(standby: Standby, wish: Wish): Promise<Result<string>>;
  state(order_id: string): Promise<Result<MatchedOrder>>;
  /** In the traveller's name. */
  cancel(call: Call, order_id: string, request_id: string): Promise<Result<undefined>>;
};

/** What no order tells of: that a full queue or train became a standby, and that a standby is over without success. */
export type StandbyNews = 'ENTERED' | 'ENDED';

/** Each message once, however often it is sent. */
export type StandbyNotices = { entered(standby: Standby): Promise<Result<undefined>>; ended(standby: Standby): Promise<Result<undefined>> };

export type StandbyPeople = { resolve(account_id: string, passenger_ids: readonly string[]): Promise<Result<{ passenger_id: string; verified: boolean; rejected: boolean; person: string; passenger_type: PassengerType }[]>> };

export type StandbyTimetable = {
  /** A wish on the run as it is now. TRAIN_RUN_NOT_FOUND, STOPS_NOT_ON_RUN, RUN_CANCELLED, SALE_NOT_OPEN, TRAIN_DEPARTED. */
  wish(wanted: WishRequest): Promise<Result<Wish>>;
};

export type StandbyParts = { standbys: StandbyStore; seats: StandbySeats; orders: StandbyOrders; clock: Clock; timers: Timers; log: Log };
