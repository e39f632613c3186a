// The services that order calls, as small servers over real gRPC that keep what they were told, with knobs for faults.
import type { DescService } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import type { Status } from '#gen/google/rpc/status_pb.ts';
import { PaymentSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import { IdentityService, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { HoldOwner, HoldState, InventoryService, type AttachOrderRequest, type HoldSeatsRequest, type ReleaseHoldRequest, type SellHoldRequest } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { PaymentKind, PaymentService, PaymentState, RefundState, type SettlePaymentRequest } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService, SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { Decision, RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { IssueOutcome, TicketingService, type IssueTicketsRequest } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { BerthLevel, PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import { fail, FailureError } from '#kit/base/result.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Bus } from '#kit/bus/bus.ts';
import { encodeEvent, HEADER_TYPE } from '#kit/bus/envelope.ts';
import { eventBucket, eventSubject } from '#kit/bus/streams.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import { implement, type Handlers, type Implementation } from '#kit/rpc/implement.ts';
import { outcomeStatus } from '#kit/rpc/status.ts';
import { headers } from '@nats-io/transport-node';

export const FARE_FEN = 55_350;
const FARES_FEN: ReadonlyMap<SeatClass, number> = new Map([[SeatClass.SECOND, FARE_FEN], [SeatClass.FIRST, FARE_FEN * 2], [SeatClass.BUSINESS, FARE_FEN * 4]]);
export const STATIONS = ['bj', 'tj', 'jn', 'sh'];

type HoldFacts = { seats: string[]; classes?: SeatClass[]; order_id: string; state: 'HELD' | 'SOLD' | 'RELEASED' };
/** A hold that travellers may name as a seat lock. */
export type LockFacts = { account_id: string; run_id: string; owner: HoldOwner; state: HoldState; seats: { coachNo: string; seatNo: string; seatClass: SeatClass }[]; from: number; to: number; kept_ms: number; lost_when_seen?: 'released' | 'forgotten'; cannot_extend?: boolean };
type PaymentFacts = { payment_id: string; order_id: string; amount_fen: bigint; state: PaymentState; settled?: boolean; returned: boolean };

/** What the peers know and were asked. Tests set the knobs and read the rest. */
export class PeerWorld {
  /** Seats of runs that have not the usual number. */
  readonly seats = new Map<string, number>();
  /** Of runs that count their classes apart: seats from end to end. */
  readonly class_seats = new Map<string, Map<SeatClass, number>>();
  readonly holds = new Map<string, HoldFacts>();
  readonly locks = new Map<string, LockFacts>();
  /** By hold id: what was asked for. */
  readonly hold_requests = new Map<string, HoldSeatsRequest>();
  readonly payments = new Map<string, PaymentFacts>();
  readonly refunds = new Map<string, { payment_id: string; amount_fen: bigint; state: RefundState }>();
  /** Persons by passenger id; the id itself where none is named. */
  readonly persons = new Map<string, string>();
  readonly unverified = new Set<string>();
  readonly foreign = new Set<string>();
  readonly veterans = new Set<string>();
  issue_outcomes: IssueOutcome[] = [];
  gateway_down = false;
  /** How often the money of an order was taken or refused. */
  readonly settlements: { payment_id: string; accepted: boolean }[] = [];
  readonly calls = new Map<string, number>();
  readonly hold_log: string[] = [];
  /** Runs with so many places left that are counted down and nothing else, for crowds. */
  readonly countdowns = new Map<string, number>();
  /** Holds of those runs in the order in which they were first asked for. */
  readonly first_asked = new Map<string, boolean>();
  readonly asked_of = new Map<string, number>();
  /** How long inventory takes to answer. */
  hold_delay_ms = 0;
  lose_holds = false;
  /** Runs of which nothing is sold any more. */
  readonly cancelled = new Set<string>();
  /** By run: the timetable's newest word on it. */
  readonly revisions = new Map<string, bigint>();
  /** By run: until when it may arrive with valid tickets. */
  readonly kept = new Map<string, number>();
  /** Payments that were returned before the order could take them. */
  readonly returned_before = new Set<string>();

  seatsOf(run_id: string): number {
    return this.seats.get(run_id) ?? 1000;
  }

  count(name: string): void {
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
  }

  taken(run_id: string): number {
    return [...this.holds.entries()].filter(([id, hold]) => id.startsWith(`${run_id}/`) && hold.state !== 'RELEASED').reduce((sum, [, hold]) => sum + hold.seats.length, 0);
  }

  /** Free seats of each class; undefined for a run that does not count them. */
  freeOf(run_id: string): Map<SeatClass, number> | undefined {
    const seats = this.class_seats.get(run_id);
    if (seats === undefined) return undefined;
    const free = new Map(seats);
    for (const [id, { classes = [], state }] of this.holds) {
      if (id.startsWith(`${run_id}/`) && state !== 'RELEASED') for (const one of classes) free.set(one, free.get(one)! - 1);
    }
    return free;
  }

  /** The best acceptable class that is free for each; undefined when one gets none. */
  choose(run_id: string, wishes: readonly SeatClass[][]): SeatClass[] | undefined {
    const free = this.freeOf(run_id);
    const chosen: SeatClass[] = [];
    for (const wish of wishes) {
      const one = free === undefined ? wish[0] : wish.find((candidate) => (free.get(candidate) ?? 0) > 0);
      if (one === undefined) return undefined;
      free?.set(one, free.get(one)! - 1);
      chosen.push(one);
    }
    return chosen;
  }

  hold(run_id: string, hold_id: string): HoldFacts | undefined {
    return this.holds.get(`${run_id}/${hold_id}`);
  }
}

export function peerImplementations(world: PeerWorld): Implementation[] {
  return [inventory(world), payment(world), ticketing(world), identity(world), query(world), risk()];
}

/** A batch that does one after the other, each with its own outcome. */
function each<Request, Answer>(requests: readonly Request[], one: (request: Request) => Answer): ({ answer: Answer } | { error: Status })[] {
  return requests.map((request) => {
    try {
      return { answer: one(request) };
    } catch (error) {
      const failure = error instanceof RpcError ? error.toFailure() : error instanceof FailureError ? error.failure : undefined;
      if (failure === undefined) throw error;
      return { error: outcomeStatus(failure) };
    }
  });
}

function errorsOf(outcomes: readonly ({ answer: unknown } | { error: Status })[]) {
  return { outcomes: outcomes.map((outcome) => ('error' in outcome ? { error: outcome.error } : {})) };
}

/** Handlers for the methods that order calls; the others say that they are not there. */
function partly<S extends DescService>(service: S, handlers: Partial<Handlers<S>>): Implementation {
  const missing = Object.fromEntries(service.methods.map(({ localName }) => [localName, () => unwrap(fail('NOT_IMPLEMENTED'))]));
  return implement(service, { ...missing, ...handlers } as unknown as Handlers<S>);
}

function inventory(world: PeerWorld): Implementation {
  const attachOrder = ({ holdId, runId, orderId }: AttachOrderRequest) => {
    world.count('attach');
    if (world.first_asked.get(holdId) === true) return { hold: { holdId, runId, orderId } };
    const hold = world.hold(runId, holdId);
    if (hold === undefined) return unwrap<never>(fail('HOLD_NOT_FOUND'));
    hold.order_id = orderId;
    return { hold: { holdId, runId, orderId } };
  };
const releaseHold = ({ holdId, runId, owner }: ReleaseHoldRequest) => {
    const lock = world.locks.get(holdId);
    if (lock?.owner === owner) lock.state = HoldState.RELEASED;
    if (lock !== undefined) return {};
    world.count('release');
    const hold = world.hold(runId, holdId);
    if (hold !== undefined) hold.state = 'RELEASED';
    return {};
  };
const sellHold = ({ holdId, runId }: SellHoldRequest) => {
    world.count('sell');
    const hold = world.hold(runId, holdId);
    if (hold === undefined || hold.state === 'RELEASED' || world.lose_holds || world.cancelled.has(runId)) {
      world.lose_holds = false;
      return unwrap<never>(fail('HOLD_EXPIRED'));
    }
    hold.state = 'SOLD';
    return {};
  };
  return partly(InventoryService, {
    async batchHoldSeats({ requests }) {
      world.count('hold');
      if (world.hold_delay_ms > 0) await new Promise((resolve) => setTimeout(resolve, world.hold_delay_ms));
      if (world.countdowns.has(requests[0]!.runId)) return { results: requests.map((request) => countDown(world, request)) };
      return {
        results: requests.map((request) => {
          const { holdId, runId, items, seatLockId, accountId } = request;
          if (world.cancelled.has(runId)) return { outcome: { case: 'error' as const, value: { code: 9, message: 'RUN_CANCELLED', details: [refusal('RUN_CANCELLED')] } } };
          world.hold_requests.set(holdId, request);
          const lock = world.locks.get(seatLockId);
          const refused = seatLockId === '' ? undefined : lock === undefined || lock.account_id !== accountId ? 'HOLD_NOT_FOUND' : lock.state === HoldState.HELD ? undefined : 'SEAT_LOCKED';
          if (refused !== undefined) return { outcome: { case: 'error' as const, value: { code: 9, message: refused, details: [refusal(refused)] } } };
          if (lock !== undefined) lock.state = HoldState.RELEASED;
          const known = world.hold(runId, holdId);
          const classes = known?.classes ?? world.choose(runId, items.map(({ seatClasses }) => seatClasses));
          if (classes === undefined || (known === undefined && world.taken(runId) + items.length > world.seatsOf(runId))) return { outcome: { case: 'error' as const, value: { code: 9, message: 'SOLD_OUT', details: [refusal('SOLD_OUT')] } } };
          const first = world.taken(runId);
          const hold = known ?? { seats: items.map((_, index) => `${first + index + 1}A`), classes, order_id: '', state: 'HELD' as const };
          if (known === undefined) world.hold_log.push(holdId);
          world.holds.set(`${runId}/${holdId}`, hold);
          const seats = items.map((item, index) => ({ itemId: item.itemId, seat: item.seat ?? { coachNo: '01', seatNo: hold.seats[index]!, seatClass: classes[index]!, berthLevel: BerthLevel.UNSPECIFIED }, fromIndex: 0, toIndex: 3 }));
          return { outcome: { case: 'hold' as const, value: { holdId, runId, state: HoldState.HELD, seats, version: 1n } } };
        }),
      };
    },
    getHold({ holdId, runId }) {
      const held = world.hold(runId, holdId);
      if (held !== undefined) {
        const seats = held.seats.map((seatNo, index) => ({ itemId: String(index + 1), seat: { coachNo: '01', seatNo, seatClass: held.classes?.[index] ?? SeatClass.SECOND }, fromIndex: 0, toIndex: 3 }));
        return { hold: { holdId, runId, owner: HoldOwner.ORDER, state: HoldState[held.state], seats, version: 1n } };
      }
      const lock = world.locks.get(holdId);
      if (lock === undefined || lock.run_id !== runId) return unwrap<never>(fail('HOLD_NOT_FOUND'));
      const { account_id: accountId, owner, state, from: fromIndex, to: toIndex } = lock;
      const seats = lock.seats.map((seat, index) => ({ itemId: String(index + 1), seat, fromIndex, toIndex }));
      if (lock.lost_when_seen === 'released') lock.state = HoldState.RELEASED;
      if (lock.lost_when_seen === 'forgotten') world.locks.delete(holdId);
      return { hold: { holdId, runId, owner, state, accountId, seats: state === HoldState.HELD ? seats.toReversed() : [], version: 1n } };
    },
    extendHold({ holdId, owner, holdTtlMs }) {
      const lock = world.locks.get(holdId);
      if (lock === undefined || lock.owner !== owner || lock.cannot_extend === true) return unwrap<never>(fail('HOLD_EXPIRED'));
      lock.kept_ms = holdTtlMs;
      return {};
    },
    attachOrder,
    releaseHold,
    sellHold,
    batchAttachOrders: ({ requests }) => errorsOf(each(requests, attachOrder)),
    batchReleaseHolds: ({ requests }) => errorsOf(each(requests, releaseHold)),
    batchSellHolds: ({ requests }) => errorsOf(each(requests, sellHold)),
    getRemaining({ runId, stretches }) {
      const free = [...(world.freeOf(runId) ?? [[SeatClass.SECOND, Math.max(0, world.seatsOf(runId) - world.taken(runId))] as const])];
      return { remaining: stretches.flatMap(({ fromIndex, toIndex }) => free.map(([seatClass, remaining]) => ({ seatClass, fromIndex, toIndex, remaining }))) };
    },
    getRunStates({ runIds }) {
      return { states: runIds.map((runId) => ({ runId, bucket: 1, open: true, seatsAtOpening: world.seatsOf(runId), seatsFree: Math.max(0, world.seatsOf(runId) - world.taken(runId)) })) };
    },
  });
}

function countDown(world: PeerWorld, { holdId, runId, items }: HoldSeatsRequest) {
  const left = world.countdowns.get(runId)!;
  const held = world.first_asked.get(holdId) ?? left >= items.length;
  if (!world.first_asked.has(holdId)) {
    if (held) world.countdowns.set(runId, left - items.length);
    world.asked_of.set(runId, (world.asked_of.get(runId) ?? 0) + 1);
    world.first_asked.set(holdId, held);
  }
  if (!held) return { outcome: { case: 'error' as const, value: { code: 9, message: 'SOLD_OUT', details: [refusal('SOLD_OUT')] } } };
  const seats = items.map((item, index) => ({ itemId: item.itemId, seat: { coachNo: '01', seatNo: `${left - index}A`, seatClass: item.seatClasses[0]!, berthLevel: BerthLevel.UNSPECIFIED }, fromIndex: 0, toIndex: 3 }));
  return { outcome: { case: 'hold' as const, value: { holdId, runId, state: HoldState.HELD, seats, version: 1n } } };
}

function refusal(reason: ErrorReason) {
  return anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: 'rail.chunyun' }));
}

function payment(world: PeerWorld): Implementation {
  const message = (facts: PaymentFacts) => ({ paymentId: facts.payment_id, orderId: facts.order_id, kind: PaymentKind.PURCHASE, state: facts.state, amount: { amountFen: facts.amount_fen, currency: 'CNY' }, refunded: { amountFen: facts.returned ? facts.amount_fen : 0n } });
  const settlePayment = ({ paymentId, accepted }: SettlePaymentRequest) => {
    if (world.returned_before.has(paymentId)) return unwrap<never>(fail('CONFLICT'));
    world.settlements.push({ payment_id: paymentId, accepted });
    const facts = world.payments.get(paymentId);
    if (facts !== undefined && !accepted) facts.returned = true;
    return {};
  };
  return partly(PaymentService, {
    listPayments({ orderId }) {
      world.count('list');
      return { payments: [...world.payments.values()].filter((facts) => facts.order_id === orderId).map(message) };
    },
    closePayments({ orderId, force }) {
      world.count('close');
      const facts = [...world.payments.values()].find((candidate) => candidate.order_id === orderId && candidate.state === PaymentState.SUCCEEDED);
      if (facts !== undefined) return { paid: message(facts), closed: false };
      return { closed: !world.gateway_down || force };
    },
    settlePayment,
    batchSettlePayments: ({ requests }) => errorsOf(each(requests, settlePayment)),
    createRefund({ refundId, paymentId, amount }) {
      world.count('refund');
      const known = world.refunds.get(refundId) ?? { payment_id: paymentId, amount_fen: amount?.amountFen ?? 0n, state: RefundState.PROCESSING };
      world.refunds.set(refundId, known);
      return { refund: { refundId, state: known.state } };
    },
    getRefund({ refundId }) {
      const known = world.refunds.get(refundId);
      return known === undefined ? unwrap(fail('REFUND_NOT_FOUND')) : { refund: { refundId, state: known.state } };
    },
  });
}

function ticketing(world: PeerWorld): Implementation {
  const issueTickets = ({ items }: IssueTicketsRequest) => {
    world.count('issue');
    const outcome = world.issue_outcomes.shift() ?? IssueOutcome.ISSUED;
    const tickets = outcome === IssueOutcome.ISSUED ? items.map(({ itemId }) => ({ itemId, ticketId: `E${itemId}` })) : [];
    return { outcome, tickets, failureReason: outcome === IssueOutcome.FAILED ? 'RAILWAY_REFUSED' : '' };
  };
  return partly(TicketingService, {
    issueTickets,
    keepTickets({ runId, arrivalTime }) {
      world.count('keep');
      world.kept.set(runId, Math.max(world.kept.get(runId) ?? 0, timestampMs(arrivalTime!)));
      return {};
    },
    batchIssueTickets: ({ requests }) => ({
      results: each(requests, issueTickets).map((outcome) => ({ outcome: 'error' in outcome ? { case: 'error' as const, value: outcome.error } : { case: 'issue' as const, value: outcome.answer } })),
    }),
  });
}

function identity(world: PeerWorld): Implementation {
  return partly(IdentityService, {
    resolvePassengers({ passengerIds }) {
      world.count('resolve');
      if (passengerIds.some((id) => world.foreign.has(id))) return unwrap(fail('PASSENGER_NOT_FOUND'));
      return {
        passengers: passengerIds.map((passengerId) => ({
          passenger: { passengerId, nameMasked: '张*', idNumberMasked: '1101********1234', passengerType: world.veterans.has(passengerId) ? PassengerType.DISABLED_VETERAN : PassengerType.ADULT, verifyState: world.unverified.has(passengerId) ? VerifyState.PENDING : VerifyState.VERIFIED },
          personBlindIndex: Buffer.from((world.persons.get(passengerId) ?? passengerId).padEnd(16)).toString('hex'),
        })),
      };
    },
  });
}

/** Every train runs on every day: from `bj` at 08:00 (a run named N… at 22:00), one hour to each next station. */
function query(world: PeerWorld): Implementation {
  return partly(QueryService, {
    getTrainRun({ runId }) {
      world.count('run');
      const [train_id = '', compact = ''] = runId.split('.');
      if (train_id === 'NONE') return unwrap(fail('TRAIN_RUN_NOT_FOUND'));
      const service_date = `${compact.slice(0, 4)}-${compact.slice(4, 6)}-${compact.slice(6)}`;
      const start_s = (train_id.startsWith('N') ? 22 : 8) * 3600;
      const at = (hours: number) => timestampFromMs(serviceTimeToEpoch_ms(service_date, start_s + hours * 3600));
      const stops = STATIONS.map((stationId, index) => ({ index, station: { stationId, nameZh: stationId }, arrivalTime: index === 0 ? undefined : at(index), departureTime: index === STATIONS.length - 1 ? undefined : at(index), distanceM: BigInt(index * 100_000) }));
      return { run: { runId, trainId: train_id, trainNo: train_id, serviceDate: service_date, stops, saleState: SaleState.OPEN, revision: world.revisions.get(runId) ?? 0n } };
    },
    quoteFares({ seatClasses, passengerTypes }) {
      return { fares: seatClasses.filter((seatClass) => FARES_FEN.has(seatClass)).flatMap((seatClass) => passengerTypes.map((passengerType) => ({ seatClass, passengerType, fare: { amountFen: BigInt(FARES_FEN.get(seatClass)!), currency: 'CNY' } }))) };
    },
  });
}

function risk(): Implementation {
  return partly(RiskService, { assess: () => ({ decision: Decision.ALLOW }) });
}

let events = 0;

/** What payment publishes when the gateway confirmed the money. */
export async function publishSucceeded(bus: Bus, facts: PaymentFacts, event_id = `pay-${(events += 1)}`): Promise<void> {
  const snapshot = { paymentId: facts.payment_id, orderId: facts.order_id, kind: 'PURCHASE', state: 'SUCCEEDED', amount: { amountFen: facts.amount_fen, currency: 'CNY' }, version: 2n };
  const payload = toBinary(PaymentSucceededSchema, create(PaymentSucceededSchema, { payment: snapshot }));
  const type = PaymentSucceededSchema.typeName;
  const body = encodeEvent({ event_id, type, version: 2n, key: facts.order_id, occurred_at: new Date(), payload, trace: {} });
  const message_headers = headers();
  message_headers.set(HEADER_TYPE, type);
  await bus.js.publish(eventSubject(bus, 'PAYMENT', eventBucket(facts.order_id), 'payment'), body, { headers: message_headers });
}
