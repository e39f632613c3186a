import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useWatch } from '../../app/use_watch.ts';
import type { Watched } from '../../app/use_watch.ts';

/**
 * An order as it changes. A new `turn` watches anew, when the page knows that something begins; `refunding` names the items
 * of a refund it has just asked for, which may not have left SUCCESS yet.
 */
export function useOrder(order_id: string, turn = 0, refunding: readonly string[] = []): Watched<Order> {
  const { order } = useApi();
  return useWatch(`${order_id} ${turn}`, {
    async *open(signal) {
      for await (const answer of order.watchOrder({ orderId: order_id }, { signal, timeoutMs: 0 })) if (answer.order !== undefined) yield answer.order;
    },
    poll: async (signal) => {
      const answer = await order.getOrder({ orderId: order_id }, { signal });
      if (answer.order === undefined) throw new Error('an answer without order');
      return answer.order;
    },
    isFinal: (order) => isSettled(order) && order.items.every(({ itemId, state }) => state === OrderState.CLOSED || !refunding.includes(itemId)),
  });
}

/** True when nothing happens to an order by itself any more; a refund or a change may still begin. Tickets of a train that does not run are refunded by themselves. */
function isSettled({ state, items }: Order): boolean {
  const still = items.every((item) => item.state !== OrderState.REFUND && item.state !== OrderState.CHANGE && !(item.state === OrderState.SUCCESS && item.journeyChange?.cancelled === true));
  return still && (state === OrderState.SUCCESS || state === OrderState.CLOSED);
}
