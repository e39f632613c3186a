import { OrderService, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { OrderSource } from '../app/ports.ts';

const ASK_TIMEOUT_MS = 1_000;
/** An item in one of these needs its seats no more. */
const ENDED: ReadonlySet<OrderState> = new Set([OrderState.CLOSED]);

/** Asks the order service whether an order still needs the seats of a hold. */
export function orderClient(client: ServiceClient<typeof OrderService>, log: Log): OrderSource {
  return {
    async ask(order_id, hold_id) {
      try {
        const { order } = await client.getOrder({ orderId: order_id }, { timeout_ms: ASK_TIMEOUT_MS });
        const items = order?.items.filter((item) => item.holdId === hold_id || item.holdId === '') ?? [];
        return items.some((item) => !ENDED.has(item.state)) ? 'ALIVE' : 'ENDED';
      } catch (error) {
        if (error instanceof RpcError && error.reason === 'ORDER_NOT_FOUND') return 'MISSING';
        log.warn({ error, order_id }, 'an order could not be asked');
        return 'UNKNOWN';
      }
    },
  };
}
