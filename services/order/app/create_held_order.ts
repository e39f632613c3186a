/**
 * CreateHeldOrder: an order of places that are held already, without the waiting queue (a standby that got seats). From here on
 * it is an order like any other: paid in its time, or closed and its places given back.
 */
import { fail, ok, type Result } from '#kit/base/result.ts';
import { formatUuid7, uuid7Time_ms } from '#kit/base/uuid7.ts';
import { channelWord } from '../domain/channel.ts';
import { claimsOf, type Claim } from '../domain/claim.ts';
import type { Channel, Order } from '../domain/order.ts';
import { placeOrder } from '../domain/place_order.ts';
import { checkRequest, type SubmitPassenger, type SubmitRequest } from '../domain/request.ts';
import type { AccountFacts, Actor } from './actor.ts';
import type { Ports, RequestKey } from './ports.ts';
import { resolveSubmission } from './resolve_submission.ts';
import { orderKey } from './signals.ts';

export type HeldOrderRequest = {
  request_id: string;
  account_id: string;
  tenant: string;
  channel: Channel;
  hold_id: string;
  run_id: string;
  from_station_id: string;
  to_station_id: string;
  passengers: SubmitPassenger[];
  /** What the order comes of, for its timeline. */
  origin: string;
};

export type HeldOrders = {
  /** Idempotency, claims and the order in one transaction. JOURNEY_OVERLAP, REQUEST_ID_REUSED. The id of the order, now or before. */
  place(order: Order, claims: readonly Claim[], key: RequestKey, origin: string): Promise<Result<string>>;
  /** The order that was placed under an entry id before. */
  placedAs(entry_id: string): Promise<Order | undefined>;
};

export type HeldOrderPorts = Ports & {
  held_orders: HeldOrders;
  advance: (order_id: string) => void;
};

/**
 * Idempotent by account and request id. HOLD_NOT_FOUND, HOLD_EXPIRED when the places are not held any more, HOLD_CONFLICT when they are
 * not those of these passengers, and whatever a submission is refused for. The places stay held when it is refused.
 */
export async function createHeldOrder(ports: HeldOrderPorts, request: HeldOrderRequest, actor: Actor): Promise<Result<Order>> {
  if (!/^[1-9]\d{0,18}$/.test(request.account_id)) return fail('ACCOUNT_NOT_FOUND');
  const wanted = submissionOf(request);
  const checked = checkRequest(wanted, ports.clock.now_ms());
  if (!checked.ok) return checked;
  const key: RequestKey = { account_id: request.account_id, request_id: request.request_id, method: 'CreateHeldOrder', body_hash: ports.hash(JSON.stringify({ ...request, request_id: '' })) };
  const entry_id = formatUuid7(uuid7Time_ms(request.request_id) ?? 0, ports.hash(`held ${request.account_id} ${request.request_id}`));
  const known = await ports.held_orders.placedAs(entry_id);
  const placed = known === undefined ? await place(ports, request, wanted, { ...actor, account: accountOf(request) }, { key, entry_id }) : await ports.held_orders.place(known, [], key, request.origin);
  if (!placed.ok) return placed;
  const order = await ports.orders.find(placed.value);
  if (order === undefined) return fail('CONFLICT', { detail: 'the order is not there yet' });
  if (known === undefined) {
    ports.signals.emit(orderKey(order.order_id));
    ports.advance(order.order_id);
  }
  return ok(order);
}

type Naming = { key: RequestKey; entry_id: string };

async function place(ports: HeldOrderPorts, request: HeldOrderRequest, wanted: SubmitRequest, actor: Actor & { account: AccountFacts }, { key, entry_id }: Naming): Promise<Result<string>> {
  const { account_id, tenant, channel, request_id, hold_id, run_id } = request;
  const [held, body] = await Promise.all([ports.inventory.findHeld({ hold_id, run_id }), resolveSubmission(ports, wanted, actor)]);
  if (!held.ok) return held;
  if (!body.ok) return body;
  if (held.value.places.length !== wanted.passengers.length || !body.value.passengers.every(({ item_no }) => held.value.places.some((place) => place.item_no === item_no))) {
    return fail('HOLD_CONFLICT', { detail: 'a hold of other passengers' });
  }
  const pay_window_ms = ports.settings.pay_window_ms({ account_id, city: undefined, channel: channelWord(channel) });
  const order = placeOrder({ account_id, tenant, channel, request_id, entry_id, body: body.value }, held.value, { order_id: ports.nextOrderId(account_id), now_ms: ports.clock.now_ms(), pay_window_ms });
  if (!order.ok) return order;
  const { departure_ms: start_ms, arrival_ms: end_ms } = body.value.journey;
  return ports.held_orders.place(order.value, claimsOf(body.value.passengers, { start_ms, end_ms }), key, request.origin);
}

function submissionOf({ request_id, run_id, from_station_id, to_station_id, passengers }: HeldOrderRequest): SubmitRequest {
  return {
    request_id, run_id, from_station_id, to_station_id, passengers,
    accept_standby: false, accept_standing: false, accept_same_train_change: false, seat_lock_id: '', accompanied_need: false, captcha_token: '',
  };
}

/** The traveller is not there; peers are asked in the account's name. */
function accountOf({ account_id, tenant, channel }: HeldOrderRequest): AccountFacts {
  return { account_id, tenant, channel: channelWord(channel), device_id: '', session_id: '', roles: ['traveller'], member_level: 0 };
}
