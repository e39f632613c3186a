import { isTransient, outcomeUnknown } from '../../api/errors.ts';
import type { ApiError } from '../../api/errors.ts';
import type { Agreed } from './figures.ts';
import type { ChosenRide } from './plan.ts';

/** A change that was asked for and not answered yet: all of the request, so that it can be repeated to the letter. */
export type SentChange = { request_id: string; order_id: string; item_ids: string[]; ride: ChosenRide; quote_token: string; /** What was agreed to. */ agreed: Agreed };

/** Kept by the tab before it is sent: a reload in between must repeat it, never make another one. */
export function saveSent(storage: Pick<Storage, 'setItem'>, sent: SentChange): void {
  storage.setItem(keyOf(sent.order_id), JSON.stringify(sent));
}

export function readSent(storage: Pick<Storage, 'getItem'>, order_id: string): SentChange | undefined {
  try {
    const sent = JSON.parse(storage.getItem(keyOf(order_id)) ?? '') as Partial<SentChange>;
    return typeof sent.request_id === 'string' && typeof sent.quote_token === 'string' && Array.isArray(sent.item_ids) && typeof sent.ride?.run_id === 'string' && sent.agreed !== undefined ? (sent as SentChange) : undefined;
  } catch {
    return undefined;
  }
}

export function forgetSent(storage: Pick<Storage, 'removeItem'>, order_id: string): void {
  storage.removeItem(keyOf(order_id));
}

/** The request, the same each time. */
export function toCreateChange({ request_id, order_id, item_ids, ride, quote_token }: SentChange) {
  return { requestId: request_id, orderId: order_id, itemIds: item_ids, runId: ride.run_id, fromStationId: ride.from_station_id, toStationId: ride.to_station_id, seatClass: ride.seat_class, quoteToken: quote_token };
}

/** What an error means for a change that was sent: nothing was done (`refused`), or nobody knows, and it is asked again after a while or when the person says so. */
export function afterError(error: ApiError, tries: number): { kind: 'refused' } | { kind: 'ask'; in_ms: number } | { kind: 'wait_for_person' } {
  if (!outcomeUnknown(error) && error.reason !== 'CONFLICT') return { kind: 'refused' };
  const by_itself = isTransient(error) || error.reason === 'OUTCOME_UNKNOWN' || error.reason === 'DEADLINE' || error.reason === 'CONFLICT';
  if (!by_itself || tries >= TRIES_MAX) return { kind: 'wait_for_person' };
  return { kind: 'ask', in_ms: Math.max(error.retry_after_ms ?? 0, PAUSE_MS * 2 ** (tries - 1)) };
}

const TRIES_MAX = 4;
const PAUSE_MS = 1_000;

function keyOf(order_id: string): string {
  return `chunyun.change.${order_id}`;
}
