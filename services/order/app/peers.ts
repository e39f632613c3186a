/** The other services as this one needs them. Adapters are in rpc/; tests may have others. */
import type { Result } from '#kit/base/result.ts';
import type { EntryPassenger, QueueEntry } from '../domain/entry.ts';
import type { Fare } from '../domain/fares.ts';
import type { Channel, Journey, Order, PassengerType, SeatClass, SeatPart } from '../domain/order.ts';
import type { Stock } from '../domain/pace.ts';
import type { SeatPreference } from '../domain/request.ts';
import type { SeatLock } from '../domain/seat_lock.ts';
import type { StandbyRequest } from '../domain/standby.ts';
import type { TrainRun } from '../domain/sale.ts';
import type { Actor } from './actor.ts';

export type HoldRequest = {
  hold_id: string;
  journey: Journey;
  passengers: Pick<EntryPassenger, 'item_no' | 'passenger_type' | 'seat_classes' | 'seat'>[];
  preference?: SeatPreference;
  channel: Channel;
  accept_same_train_change: boolean;
  /** Taken over in the same step; its seats are named by the passengers. */
  seat_lock?: { lock_id: string; account_id: string };
};

export type LockName = { lock_id: string; run_id: string };

/** Places by item: one part each unless seats are changed on the way. */
export type Hold = { hold_id: string; places: { item_no: number; parts: SeatPart[] }[] };

export type Inventory = {
  /** One outcome for each request, in order. Throws when the call as a whole failed: then nothing is known. */
  holdMany(requests: readonly HoldRequest[]): Promise<Result<Hold>[]>;
  attach(order: Order): Promise<Result<undefined>>;
  release(hold: { hold_id: string; run_id: string; item_nos?: number[]; reason: string }): Promise<Result<undefined>>;
  /** The places of a hold that lives. HOLD_NOT_FOUND, HOLD_EXPIRED. */
  findHeld(hold: { hold_id: string; run_id: string }): Promise<Result<Hold>>;
  /** A hold that a traveller named as a seat lock. HOLD_NOT_FOUND. */
  findLock(actor: Actor, lock: LockName): Promise<Result<SeatLock>>;
  /** Keeps a lock for so long from now. */
  extendLock(lock: LockName, ttl_ms: number): Promise<Result<undefined>>;
  releaseLock(lock: LockName, reason: string): Promise<Result<undefined>>;
  sell(order: Order): Promise<Result<undefined>>;
  /** Places of each class on these stretches, those included that quotas keep for some. */
  free(run_id: string, stretches: readonly { from_index: number; to_index: number }[]): Promise<{ seat_class: SeatClass; from_index: number; to_index: number; places: number }[]>;
  /** Of the runs that are known; others are left out. */
  stocks(run_ids: readonly string[]): Promise<Map<string, Stock>>;
};

export type Payment = {
  payment_id: string;
  kind: 'PURCHASE' | 'CHANGE_DIFFERENCE';
  state: 'CREATED' | 'PENDING' | 'SUCCEEDED' | 'CLOSED';
  amount_fen: number;
  refunded_fen: number;
};

export type RefundState = 'DUE' | 'PROCESSING' | 'SUCCEEDED' | 'MANUAL';

/** Whether the order takes this money; the reason goes with a refusal. */
export type Settlement = { payment_id: string; order_id: string; accepted: boolean; reason: string };

export type Payments = {
  list(order_id: string): Promise<Result<Payment[]>>;
  /** `paid` when one succeeded first; then nothing was closed. `closed` is false while the gateway has not answered. */
  close(order_id: string, force: boolean): Promise<Result<{ paid?: Payment; closed: boolean }>>;
  settle(settlement: Settlement): Promise<Result<undefined>>;
  refund(request: { refund_id: string; payment_id: string; amount_fen: number; reason: string }): Promise<Result<RefundState>>;
  refundState(refund_id: string): Promise<Result<RefundState>>;
};

export type Issued = { outcome: 'ISSUED' | 'PENDING' | 'FAILED'; tickets: { item_no: number; ticket_id: string }[]; reason: string };

export type Ticketing = {
  issue(order: Order): Promise<Result<Issued>>;
  /** A run arrives at this time at the latest: its tickets have to count until after that. */
  keep(run_id: string, arrival_ms: number): Promise<Result<undefined>>;
};

export type ResolvedPassenger = {
  passenger_id: string;
  verified: boolean;
  rejected: boolean;
  person: string;
  name_masked: string;
  id_number_masked: string;
  passenger_type: PassengerType;
};

export type Identity = {
  /** In the order asked. PASSENGER_NOT_FOUND when one is not the account's. */
  resolve(actor: Actor, passenger_ids: readonly string[]): Promise<Result<ResolvedPassenger[]>>;
};

export type Timetable = {
  run(actor: Actor, run_id: string): Promise<Result<TrainRun>>;
  quote(actor: Actor, wish: { run_id: string; from_station_id: string; to_station_id: string; seat_classes: SeatClass[]; passenger_types: PassengerType[] }): Promise<Result<Fare[]>>;
};

export type Risk = {
  /** CAPTCHA_REQUIRED or ACCOUNT_BLOCKED when it says no; DEPENDENCY_UNAVAILABLE when it says nothing within a second. */
  assess(actor: Actor, operation: string, captcha_token: string): Promise<Result<undefined>>;
};

export type Standbys = {
  /** Enters the standby list; one standby a request id. Its id. STANDBY_NOT_NEEDED, JOURNEY_OVERLAP, and what else aftersales refuses. */
  create(request_id: string, wanted: StandbyRequest): Promise<Result<string>>;
};

/** `standbys`: undefined where there is no standby list; then it is offered to nobody by itself. */
export type Peers = { inventory: Inventory; payments: Payments; ticketing: Ticketing; identity: Identity; timetable: Timetable; risk: Risk; standbys?: Standbys };

/** The hold of an entry. Derived, so that repeating it after a crash holds nothing twice. */
export function holdIdOf(entry: Pick<QueueEntry, 'entry_id' | 'hold_no'>): string {
  return entry.hold_no === 0 ? entry.entry_id : `${entry.entry_id}-${entry.hold_no}`;
}
