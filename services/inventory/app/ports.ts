import type { ClassBits } from '../domain/bitmap.ts';
import type { HeldPlace, Hold, HoldOwner, HoldState } from '../domain/hold.ts';
import type { OrderItem } from '../domain/order_differences.ts';
import type { ClosedQuota, NewQuota } from '../domain/quota.ts';
import type { DifferenceKind, NewDifference } from '../domain/difference.ts';
import type { Reason, RunHeader, RunPlan, RunStop } from '../domain/run.ts';

/** What the stores and other services must offer to the use cases. */

/** Why a bucket or run takes no call now. LOST: Redis doesn't know the bucket. EPOCH: another epoch than ours. */
export type Closed = 'LOST' | 'EPOCH' | 'CLOSED' | 'MISSING';

/** `quotas`: numbers of the run's quotas this passenger may buy from, beside what is everybody's. */
export type PlannedItem = { id: string; classes: string[]; quotas: readonly number[]; seat?: [class_code: number, index: number] };

/** A hold as the Function takes it: stops resolved, classes as numbers. */
export type PlannedHold = {
  hold_id: string;
  run: RunHeader;
  owner: HoldOwner;
  body_hash: Uint8Array;
  from: number;
  to: number;
  items: PlannedItem[];
  wish: { flags: string[]; letters: string; together: boolean; same_coach: boolean; required: boolean };
  changes: boolean;
  ttl_ms: number;
  account_id: string;
  /** The hold, as the ledger had it when it was read, that this one takes the place of: an exchange, or a seat lock taken over. Kept places are replaced by all holds of a unit. */
  replaces?: Hold;
  /** It is placed only when the hold before it in its unit is; a unit is committed as a whole or not at all. */
  follows?: boolean;
};

export type HoldCall = { bucket: number; epoch: number; holds: readonly PlannedHold[] };

export type Placed = { status: 'HELD'; replayed: boolean; seat_version: number; run_version: bigint; places: readonly HeldPlace[] };
/** STALE: the hold to be replaced has changed. */
export type PlaceOutcome = Placed | { status: 'SOLD_OUT' | 'SEAT_LOCKED' | 'CONFLICT' | 'RUN_CLOSED' | 'STALE' | 'MISSING' };

export type HoldReply = { status: 'OK'; sequence: bigint; outcomes: PlaceOutcome[] } | { status: Closed | 'UNAVAILABLE' };

export type ChangeReply = { status: 'OK' | 'NONE'; run_version: bigint } | { status: Closed };

/** The record of a hold in Redis. */
export type SeatRecord = { hold_id: string; owner: HoldOwner; seat_version: number; body: string; places: readonly HeldPlace[] };

export type RunSnapshot = {
  version: bigint;
  open: boolean;
  segments: number;
  /** Free standing places by segment; empty where the run has none. */
  standing: number[];
  /** By class code. */
  classes: Map<number, ClassBits>;
  closed_quotas: readonly ClosedQuota[];
  records: SeatRecord[];
};

export type SnapshotReply = { status: 'OK'; snapshot: RunSnapshot } | { status: Closed };

/** What a run looks like when it is opened or rebuilt. */
export type RunImage = { run: RunHeader; occupied: ReadonlyMap<number, ReadonlyMap<number, bigint>>; standing_used: readonly number[]; closed_quotas: readonly ClosedQuota[]; records: readonly SeatRecord[] };

/** `ALL`: whatever the record lists, for a hold that the ledger never had. `to`: the version of what stays, where it is not the next one. */
export type SeatChange = { hold_id: string; owner: HoldOwner; seat_version: number; freed: readonly HeldPlace[] | 'ALL'; stays: readonly HeldPlace[]; to?: number };

export type BucketState = { epoch: number; open: boolean; /** Of the last Function call. */ sequence: bigint };

/** Redis: finds seats. Every method throws only when Redis is away or a bug shows. */
export type SeatStore = {
  /** One Function call for each entry, all in one round trip. An entry that Redis could not answer is UNAVAILABLE. */
  hold(calls: readonly HoldCall[]): Promise<HoldReply[]>;
  release(run: RunHeader, epoch: number, change: SeatChange): Promise<ChangeReply>;
  reclaim(run: RunHeader, epoch: number, record: SeatRecord): Promise<ChangeReply>;
  sell(run: RunHeader, epoch: number, hold: Pick<Hold, 'hold_id' | 'owner' | 'seat_version'>): Promise<ChangeReply>;
  setOpen(run: RunHeader, epoch: number, open: boolean): Promise<ChangeReply>;
  setQuotas(run: RunHeader, epoch: number, closed: readonly ClosedQuota[]): Promise<ChangeReply>;
  snapshots(runs: readonly { run: RunHeader; epoch: number }[], options?: { records: boolean }): Promise<SnapshotReply[]>;
  /** What Redis has of one hold. */
  recordOf(run: RunHeader, hold_id: string): Promise<SeatRecord | undefined>;
  /** In the order of the buckets; undefined where Redis knows nothing of one, AWAY where its server (of several) can't be reached. */
  bucketStates(buckets: readonly number[]): Promise<(BucketState | 'AWAY' | undefined)[]>;
  begin(bucket: number, epoch: number): Promise<'OK' | 'EPOCH'>;
  finish(bucket: number, epoch: number): Promise<'OK' | 'EPOCH'>;
  openRuns(epochs: ReadonlyMap<number, number>, images: readonly RunImage[]): Promise<('OK' | 'EXISTS' | 'EPOCH')[]>;
  repair(run: RunHeader, epoch: number, version: bigint, image: RunImage): Promise<{ status: 'OK' | 'MOVED' | Closed }>;
  /** Deletes what Redis has of runs that nobody asks it for any more. Repeatable. */
  forgetRuns(runs: readonly { bucket: number; run_id: string }[]): Promise<void>;
};

/** Why the ledger did not take a transaction; it was rolled back. REPLACED: a hold to be replaced is not as it was read. */
export type Refusal = 'SEAT' | 'HOLD_ID' | 'EPOCH' | 'SEQUENCE' | 'REPLACED';

export class LedgerRefused extends Error {
  override name = 'LedgerRefused';
  readonly refusal: Refusal;

  constructor(refusal: Refusal, options?: ErrorOptions) {
    super(`the ledger refused: ${refusal}`, options);
    this.refusal = refusal;
  }
}

/** A commit whose answer was lost: it may have happened. */
export class OutcomeUnknown extends Error {
  override name = 'OutcomeUnknown';
}

export type SequenceKey = { bucket: number; epoch: number; sequence: bigint; part: number };

export type NewHold = { planned: PlannedHold; placed: Placed };

export type HoldChange = { kind: 'held' | 'sold' | 'released' | 'aborted'; hold: Hold; reason: string };

export type ReleaseWish = { hold_id: string; run: RunHeader; epoch: number; owner?: HoldOwner; version?: number; item_ids: readonly string[]; reason: string; only_expired?: boolean; account_id?: string };

/** A hold and the order that it is for. */
export type OrderWish = { hold_id: string; run: RunHeader; epoch: number; order_id: string };

/** The hold as it is then; undefined when it is not held any more or has another order; EPOCH: another epoch than ours. */
export type OrderChange = Hold | 'EPOCH' | undefined;

/** `kept`: the released places went to the kept ones of the run instead of becoming free. */
export type Released = { hold: Hold; before: Hold; freed: readonly HeldPlace[]; kept?: boolean };

/** Kept places whose time was over: freed in the ledger. */
export type Opened = { before: Hold; freed: readonly HeldPlace[]; stays: readonly HeldPlace[] };

/** BEYOND: it would end later than a hold may live. ATTACHED: an order has it, or had. */
export type Extension = { status: 'OK'; hold: Hold } | { status: 'UNKNOWN' | 'EXPIRED' | 'ATTACHED' | 'ABORTED' | 'OTHER_OWNER' | 'BEYOND' };

export type RunBits = { occupied: Map<number, Map<number, bigint>>; standing_used: number[] };

/** MySQL: decides. */
export type Ledger = {
  findHolds(hold_ids: readonly string[]): Promise<Map<string, Hold>>;
  /** Commits the holds, all or none; the holds as stored. Throws LedgerRefused, OutcomeUnknown. */
  commitHolds(holds: readonly NewHold[], sequences: readonly SequenceKey[]): Promise<Hold[]>;
  /** Makes the seat rows of a run, once. */
  materialise(run: RunHeader): Promise<void>;
  /** Writes that a hold never took effect; false when it exists. */
  tombstone(wish: { hold_id: string; run: RunHeader; epoch: number; owner: HoldOwner; body_hash: Uint8Array; reason: string }): Promise<boolean>;
  /** Attaches orders to held holds; one outcome for each wish, in order. No hold stands twice among them. Throws OutcomeUnknown. */
  attach(wishes: readonly OrderWish[]): Promise<OrderChange[]>;
  sell(wishes: readonly OrderWish[]): Promise<OrderChange[]>;
  /** Undefined when there is nothing (left) to release for this owner and version. */
  release(wish: ReleaseWish): Promise<Released | undefined>;
  /** Whether places of the run that are released are kept for those who wait; the greatest version counts. False when it is known. */
  setStandby(wish: { run: RunHeader; waiting: boolean; version: bigint }): Promise<boolean>;
  /** Frees kept places that were kept for so long, and notes when the next are due; undefined when none are now. */
  openKept(wish: { run: RunHeader; epoch: number; keep_ms: number }): Promise<Opened | undefined>;
  /** The backstop of an attached hold whose order is alive. */
  extend(hold_id: string, by_ms: number): Promise<void>;
  /** More time for an unattached hold, from now; never less than it has. */
  extendUnattached(wish: { hold_id: string; run: RunHeader; epoch: number; owner: HoldOwner; ttl_ms: number }): Promise<Extension>;
  locksOf(account_id: string, run: RunHeader): Promise<Hold[]>;
  readBits(runs: readonly RunHeader[]): Promise<Map<string, RunBits>>;
  heldHolds(runs: readonly RunHeader[]): Promise<Hold[]>;
  /** Held and sold ones. */
  liveHolds(runs: readonly RunHeader[]): Promise<Hold[]>;
  pruneSequences(): Promise<number>;
};

/** What the ledger says of a bucket. `sequence`: the greatest that was committed in its epoch, 0 where none was. */
export type BucketEpoch = { epoch: number; closed: boolean; sequence: bigint };

/** Who wants a bucket closed or opened again, for the audit. */
export type OperatorAct = { account_id: string; service: string; request_id: string; reason: string };

export type Epochs = {
  read(buckets: readonly number[]): Promise<Map<number, BucketEpoch>>;
  /**
   * Adds one; commits before it returns. Waits for every ledger transaction of the older epoch. Undefined when an operator
   * keeps the bucket closed; with `reopening` that ends here.
   */
  bump(bucket: number, reopening?: OperatorAct): Promise<number | undefined>;
  /** Closes until a bump reopens: adds one to the epoch in the same way, unless it was closed already. The epoch. */
  close(bucket: number, act: OperatorAct): Promise<number>;
  /** Runs `work` when nobody else rebuilds the bucket; undefined when somebody does. */
  withLease<T>(bucket: number, work: () => Promise<T>): Promise<T | undefined>;
};

export type NewRun = { plan: RunPlan; bucket: number; quotas: readonly NewQuota[] };

/** What is owed after a change: Redis told, holds settled, orders found and told of. */
export type RunNotice = { run_id: string; revision: number; kinds: readonly DifferenceKind[]; reason: Reason; /** As they were told last. */ previous_stops: readonly RunStop[]; age_ms: number };

/** An order (or hold) that a change concerns, and which of its places. */
export type Affected = { hold: Hold; places: readonly HeldPlace[] };
export type RunNews = { kind: DifferenceKind; affected: readonly Affected[] };

export type Notices = {
  find(run_id: string): Promise<RunNotice | undefined>;
  /** Tells the news and ends the notice, in one transaction; false when a newer change has come meanwhile. */
  finish(run: RunHeader, notice: RunNotice, news: readonly RunNews[]): Promise<boolean>;
};

export type EndedRun = { run_no: bigint; run_id: string; bucket: number };

export type RunStore = {
  find(run_ids: readonly string[]): Promise<Map<string, RunHeader>>;
  /** Ids of the runs of a date that have a header. */
  idsOf(service_date: string): Promise<string[]>;
  /** Inserts headers that are missing; the number inserted. */
  insert(runs: readonly NewRun[]): Promise<number>;
  /** Runs whose sale has not ended, by run_no, a page at a time. */
  page(filter: { buckets: readonly number[]; after_run_no: bigint; limit: number; service_dates?: readonly string[] }): Promise<RunHeader[]>;
  setState(run: RunHeader, open: boolean, reason: string): Promise<void>;
  /** Replaces the quotas under new numbers; the run as it is then. It is due at once, in case the caller dies. */
  setQuotas(run: RunHeader, quotas: readonly NewQuota[], by: { actor: string; request_id: string }): Promise<RunHeader>;
  /** When the next quota is released; undefined for never. */
  scheduleQuotas(run: RunHeader, due_ms: number | undefined): Promise<void>;
  /** The run as the ledger has it now. */
  reload(run_id: string): Promise<RunHeader | undefined>;
  /** Takes over what other processes have changed of runs and quotas lately. */
  refresh(): Promise<void>;
  /** The bucket has another epoch: what is remembered of its runs is read again. */
  renew(bucket: number): void;
  /** Whether the header was read since its bucket was last renewed. */
  isCurrent(run: RunHeader): boolean;
  /** Writes what the railway has changed of a run, with what is owed for it; false when the ledger has this or a newer word. */
  change(run: RunHeader, change: NewDifference): Promise<boolean>;
  /** Live runs that the railway has changed, by run id, a page at a time. */
  changedRuns(after_run_id: string, limit: number): Promise<RunHeader[]>;
  /** Ids of runs whose sale has not ended, a page at a time. */
  liveIds(after_run_no: bigint, limit: number): Promise<{ run_no: bigint; run_id: string }[]>;
  /** Runs of the buckets that ended before every rebuild's reach and are still in Redis, oldest first. */
  ended(buckets: readonly number[], limit: number): Promise<EndedRun[]>;
  /** They are not in Redis any more. */
  markForgotten(runs: readonly EndedRun[]): Promise<void>;
};

/** What the timetable says of a run. */
export type RunWord = RunPlan | { missing: string; revision: number };

/** The parts of other services this one needs. */
export type TimetableSource = {
  runs(service_date: string, run_ids: readonly string[], except_run_ids: readonly string[]): AsyncIterable<RunPlan>;
  /** Runs that were changed after a revision, each at which; the last revision that was looked at; when the timetable itself last changed. */
  changes(after_revision: number): Promise<{ runs: ReadonlyMap<string, number>; revision: number; timetable_revision: number }>;
  /** The runs as they are now; `missing` ones are in the timetable no more, as of `revision`. */
  plans(run_ids: readonly string[]): AsyncIterable<RunWord>;
};

/**
 * ALIVE: the order still needs the seats of the hold. ENDED: it goes on without this hold. CLOSED: it is over as a whole, for
 * ever. MISSING: there is none. UNKNOWN: it could not be asked.
 */
export type OrderAnswer = 'ALIVE' | 'ENDED' | 'CLOSED' | 'MISSING' | 'UNKNOWN';
export type OrderSource = {
  ask(order_id: string, hold_id: string): Promise<OrderAnswer>;
  /** Items that are not closed, of orders placed on these runs; undefined when the orders could not be asked. */
  liveItems(run_ids: readonly string[]): Promise<OrderItem[] | undefined>;
};

export type ListedState = HoldState;
