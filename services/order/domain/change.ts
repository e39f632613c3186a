/** What one step does to an order, computed without I/O: the store writes it in one transaction or not at all. */
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Claim } from './claim.ts';
import type { Journey, Order, OrderItem, Reason, Seat, Todo } from './order.ts';
import { deriveState, mayFollow, type CloseReason, type OrderState } from './state.ts';

/** The event that tells others (stream ORDER). */
export type OrderEventKind = 'PLACED' | 'PAID' | 'TICKETED' | 'FAILED' | 'CLOSED' | 'ITEMS_CHANGED' | 'RUN_CHANGED';

/** What the railway changed under an order, as it is told. */
export type RunNews = {
  kind: 'CANCELLED' | 'RESTORED' | 'TIMES' | 'SEATS';
  revision: number;
  reason: Reason;
  item_nos: number[];
  before: Journey;
  after: Journey;
  /** Items whose passengers have another journey at that time now. */
  overlapping: number[];
  /** Of SEATS: those that are gone now. */
  gone: { item_no: number; seat: Seat }[];
};

export type ItemMove = { item_no: number; from: OrderState; to: OrderState; from_version: number };

export type OrderChange = {
  /** Compared: nothing is written when the stored versions are others. */
  before: Order;
  after: Order;
  moves: ItemMove[];
  /** What caused it, for the timeline and the audit. */
  cause: string;
  event: OrderEventKind;
  /** Reason that goes with FAILED and CLOSED. */
  reason?: string;
  /** Items whose passengers' time is taken by other journeys from now on. */
  claimed?: ClaimChange[];
  /** With RUN_CHANGED, which moves no item. */
  news?: RunNews;
};

/**
 * What becomes of the time of an item's passenger. BESIDE: a change of train has begun, and the wanted journey is claimed
 * beside the present one. INSTEAD: it has succeeded, and only the new journey counts. BACK: it was given up.
 */
export type ClaimChange = { item_no: number; how: 'BESIDE' | 'INSTEAD' | 'BACK'; claims: Claim[] };

export type ItemPatch = Partial<Pick<OrderItem, 'ticket_id' | 'seat' | 'seat_parts' | 'hold_id' | 'fare_fen' | 'refunded_fen' | 'journey' | 'changed' | 'close_reason' | 'money'>>;
export type OrderPatch = Partial<Pick<Order, 'payment_id' | 'closing_ms' | 'refund_id' | 'close_reason' | 'hold_id'>>;

export type Moving = {
  cause: string;
  now_ms: number;
  reason?: string;
  close_reason?: CloseReason;
  patch?: OrderPatch;
  /** Effects on others that this change owes. */
  owe?: Todo[];
  /** Effects that are no longer wanted. */
  drop?: Todo[];
};

export type MoveRequest = { item_no: number; to: OrderState; patch?: ItemPatch };

/** Moves the named items. ORDER_STATE_WRONG when the machine does not allow one of the moves: then none happens. */
export function moveItems(order: Order, requests: readonly MoveRequest[], moving: Moving): Result<OrderChange> {
  const wanted = new Map(requests.map((request) => [request.item_no, request]));
  const moves: ItemMove[] = [];
  const items: OrderItem[] = [];
  for (const item of order.items) {
    const request = wanted.get(item.item_no);
    if (request === undefined) {
      items.push(item);
      continue;
    }
    if (!mayFollow(item.state, request.to)) return fail('ORDER_STATE_WRONG', { detail: `${item.state} can't become ${request.to}` });
    moves.push({ item_no: item.item_no, from: item.state, to: request.to, from_version: item.version });
    const closing = request.to === 'CLOSED' ? { close_reason: moving.close_reason } : {};
    items.push({ ...item, ...closing, ...request.patch, state: request.to, version: item.version + 1 });
  }
  if (moves.length !== wanted.size || moves.length === 0) return fail('ORDER_STATE_WRONG', { detail: 'no such item' });
  return ok(changeOf(order, items, moves, moving));
}

/** Moves every item the same way. */
export function moveAll(order: Order, to: OrderState, moving: Moving, patch?: (item: OrderItem) => ItemPatch): Result<OrderChange> {
  return moveItems(order, order.items.map((item) => ({ item_no: item.item_no, to, patch: patch?.(item) })), moving);
}

/** Changes items without moving them: other places while PAID, refunded money once CLOSED. */
export function patchItems(order: Order, patch: (item: OrderItem) => ItemPatch, moving: Moving): OrderChange {
  const items = order.items.map((item) => ({ ...item, ...patch(item), version: item.version + 1 }));
  const moves = order.items.map(({ item_no, state, version }) => ({ item_no, from: state, to: state, from_version: version }));
  return changeOf(order, items, moves, moving);
}

function changeOf(order: Order, items: OrderItem[], moves: ItemMove[], moving: Moving): OrderChange {
  const state = deriveState(items);
  const kept = order.todo.filter((todo) => moving.drop?.includes(todo) !== true);
  const todo = [...new Set([...kept, ...(moving.owe ?? [])])];
  const closed = state === 'CLOSED' && moving.close_reason !== undefined ? { close_reason: moving.close_reason } : {};
  const after: Order = { ...order, ...closed, ...moving.patch, items, state, todo, version: order.version + 1, update_ms: moving.now_ms, attempts: 0 };
  const reason = moving.reason ?? moving.close_reason;
  return { before: order, after, moves, cause: moving.cause, event: eventOf(order.state, state, moves), reason };
}

function eventOf(from: OrderState, to: OrderState, moves: readonly ItemMove[]): OrderEventKind {
  if (from === to && moves.every((move) => move.from === move.to)) return 'ITEMS_CHANGED';
  if (to === 'PAID') return 'PAID';
  if (to === 'FAIL') return 'FAILED';
  if (to === 'CLOSED') return 'CLOSED';
  if (from === 'TICKETING' && to === 'SUCCESS') return 'TICKETED';
  return 'ITEMS_CHANGED';
}
