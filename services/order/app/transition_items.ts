/** TransitionItems: aftersales moves items by compare-and-set on the version it saw; all or none. */
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { moveItems, type ClaimChange, type ItemPatch, type MoveRequest, type OrderChange } from '../domain/change.ts';
import { claimsOf } from '../domain/claim.ts';
import { itemNoOf, type Journey, type MoneySource, type Order, type OrderItem, type Seat, type SeatPart } from '../domain/order.ts';
import { mayAftersalesMove, type CloseReason, type OrderState } from '../domain/state.ts';
import type { Actor } from './actor.ts';
import type { Ports } from './ports.ts';
import { isOrderId } from './read_orders.ts';
import { orderKey } from './signals.ts';

/** The new places and ticket of an item whose change succeeded. */
export type Replacement = { journey: Journey; seat: Seat; seat_parts: SeatPart[]; hold_id: string; fare_fen: number; ticket_id: string; /** Where the fare came from; one payment where undefined. */ money: MoneySource[] | undefined };

export type ItemTransition = {
  item_id: string;
  version: number;
  to: OrderState;
  close_reason?: CloseReason;
  replacement?: Replacement;
  /** With CHANGE: the journey that is wanted. */
  claim?: Journey;
  /** Added to what was refunded. */
  refunded_fen: number;
};

export type TransitionRequest = { request_id: string; order_id: string; transitions: ItemTransition[]; cause: string };

/** An order has at most this many items. */
const TRANSITIONS_MAX = 5;

/** Idempotent by request_id. ORDER_NOT_FOUND, VERSION_STALE, ITEM_NOT_REFUNDABLE, ITEM_NOT_CHANGEABLE, JOURNEY_OVERLAP, ORDER_STATE_WRONG. */
export async function transitionItems(ports: Ports, request: TransitionRequest, actor: Actor): Promise<Result<Order>> {
  const { request_id, order_id, transitions, cause } = request;
  if (transitions.length === 0 || transitions.length > TRANSITIONS_MAX) return fieldInvalid('transitions', '1 to 5 transitions');
  if (new Set(transitions.map(({ item_id }) => item_id)).size !== transitions.length) return fail('ITEMS_DUPLICATE');
  if (!isOrderId(order_id)) return fail('ORDER_NOT_FOUND');
  const key = { account_id: actor.service, request_id, method: 'TransitionItems', body_hash: ports.hash(JSON.stringify({ order_id, transitions, cause })) };
  const moved = await ports.orders.applyOnce(key, order_id, (order) => decide(order, request, ports.clock.now_ms()), { actor, operation: 'order.Transition', request_id });
  if (moved.ok) ports.signals.emit(orderKey(order_id));
  return moved;
}

function decide(order: Order | undefined, { transitions, cause }: TransitionRequest, now_ms: number): Result<OrderChange> {
  if (order === undefined) return fail('ORDER_NOT_FOUND');
  const requests: MoveRequest[] = [];
  for (const transition of transitions) {
    const item_no = itemNoOf(order.order_id, transition.item_id);
    const item = order.items.find((candidate) => candidate.item_no === item_no);
    if (item === undefined) return fieldInvalid('transitions.item_id', 'not an item of this order');
    if (item.version !== transition.version) return fail('VERSION_STALE', { metadata: { item_id: transition.item_id, version: String(item.version) } });
    if (!mayAftersalesMove(item.state, transition.to)) return fail(refusalOf(item, transition.to), { detail: `${item.state} can't become ${transition.to}` });
    // 改签一次: a changed ticket can't be changed again.
    if (transition.to === 'CHANGE' && item.changed) return fail('ITEM_NOT_CHANGEABLE');
    if (transition.refunded_fen < 0 || item.refunded_fen + transition.refunded_fen > item.fare_fen) return fail('REFUND_EXCEEDS_PAID');
    requests.push({ item_no: item.item_no, to: transition.to, patch: patchOf(item, transition) });
  }
  const close_reason = transitions.find((transition) => transition.to === 'CLOSED')?.close_reason ?? 'REFUNDED';
  const change = moveItems(order, requests, { cause, now_ms, ...(transitions.some(({ to }) => to === 'CLOSED') ? { close_reason } : {}) });
  return change.ok ? ok({ ...change.value, claimed: claimedBy(order, transitions) }) : change;
}

function patchOf(item: OrderItem, { replacement, refunded_fen }: ItemTransition): ItemPatch {
  const refunded = { refunded_fen: item.refunded_fen + refunded_fen };
  if (replacement === undefined) return refunded;
  return { ...replacement, changed: true, refunded_fen: refunded_fen };
}

/** A change of train claims the wanted journey before a place is taken on it, so that it can't fail for it later. */
function claimedBy(order: Order, transitions: readonly ItemTransition[]): ClaimChange[] {
  return transitions.flatMap(({ item_id, to, claim, replacement }): ClaimChange[] => {
    const item = order.items.find((candidate) => candidate.item_no === itemNoOf(order.order_id, item_id));
    if (item === undefined) return [];
    const { item_no } = item;
    const spanOf = ({ departure_ms, arrival_ms }: Journey) => claimsOf([item], { start_ms: departure_ms, end_ms: arrival_ms });
    if (to === 'CHANGE') return claim === undefined ? [] : [{ item_no, how: 'BESIDE', claims: spanOf(claim) }];
    if (replacement !== undefined) return [{ item_no, how: 'INSTEAD', claims: spanOf(replacement.journey) }];
    return item.state === 'CHANGE' ? [{ item_no, how: 'BACK', claims: [] }] : [];
  });
}

function refusalOf(item: OrderItem, to: OrderState): 'ITEM_NOT_REFUNDABLE' | 'ITEM_NOT_CHANGEABLE' | 'ORDER_STATE_WRONG' {
  if (to === 'REFUND') return 'ITEM_NOT_REFUNDABLE';
  return to === 'CHANGE' ? 'ITEM_NOT_CHANGEABLE' : 'ORDER_STATE_WRONG';
}
