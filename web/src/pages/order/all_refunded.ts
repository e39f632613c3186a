import { CloseReason } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';

/** True when every ticket was given back: people call such an order refunded, not closed. */
export function allRefunded({ items }: Order): boolean {
  return items.length > 0 && items.every(({ closeReason }) => closeReason === CloseReason.REFUNDED);
}
