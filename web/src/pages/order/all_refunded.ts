import { CloseReason } from '#gen/rail/order/v1/order_pb.ts';
import type { Order, OrderItem } from '#gen/rail/order/v1/order_pb.ts';

const GIVEN_BACK: ReadonlySet<CloseReason> = new Set([CloseReason.REFUNDED, CloseReason.RUN_CANCELLED]);

/** True when the ticket's money went back, at whoever's wish. */
export function isRefunded({ closeReason }: Pick<OrderItem, 'closeReason'>): boolean {
  return GIVEN_BACK.has(closeReason);
}

/** True when every ticket was given back: people call such an order refunded, not closed. */
export function allRefunded({ items }: Order): boolean {
  return items.length > 0 && items.every(isRefunded);
}
