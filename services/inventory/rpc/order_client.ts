import { OrderService, OrderState, type RunItem } from '#gen/rail/order/v1/order_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { OrderSource } from '../app/ports.ts';
import type { OrderItem } from '../domain/order_differences.ts';

const ASK_TIMEOUT_MS = 1_000;
const LIST_TIMEOUT_MS = 5_000;
/** An item in one of these needs its seats no more. */
const ENDED: ReadonlySet<OrderState> = new Set([OrderState.CLOSED]);
/** Pages of one list: far more than any page of runs has items. */
const MAX_PAGES = 10_000;

/** Asks the order service what orders need. */
export function orderClient(client: ServiceClient<typeof OrderService>, log: Log): OrderSource {
  return {
    async ask(order_id, hold_id) {
      try {
        const { order } = await client.getOrder({ orderId: order_id }, { timeout_ms: ASK_TIMEOUT_MS });
        const live = order?.items.filter((item) => !ENDED.has(item.state)) ?? [];
        // While an item's train is being changed its order needs two holds: the one it names, and the wanted one.
        if (live.some((item) => item.holdId === hold_id || item.holdId === '' || item.state === OrderState.CHANGE)) return 'ALIVE';
        return order !== undefined && live.length === 0 ? 'CLOSED' : 'ENDED';
      } catch (error) {
        if (error instanceof RpcError && error.reason === 'ORDER_NOT_FOUND') return 'MISSING';
        log.warn({ error, order_id }, 'an order could not be asked');
        return 'UNKNOWN';
      }
    },
    async liveItems(run_ids) {
      const items: OrderItem[] = [];
      if (run_ids.length === 0) return items;
      try {
        let token = '';
        for (let pages = 0; pages < MAX_PAGES; pages += 1) {
          const page = await client.listRunItems({ runIds: [...run_ids], pageToken: token }, { timeout_ms: LIST_TIMEOUT_MS });
          items.push(...page.items.map(itemOf));
          token = page.nextPageToken;
          if (token === '') return items;
        }
        throw new Error('the list of items has no end');
      } catch (error) {
        log.warn({ error, runs: run_ids.length }, 'the orders of runs could not be listed');
        return undefined;
      }
    },
  };
}

const STAGES: Partial<Record<OrderState, OrderItem['stage']>> = {
  [OrderState.WAIT_PAY]: 'RESERVED',
  [OrderState.CLOSING]: 'RESERVED',
  [OrderState.PAID]: 'RESERVED',
  [OrderState.TICKETING]: 'RESERVED',
  [OrderState.SUCCESS]: 'TICKETED',
};

function itemOf({ orderId: order_id, runId: run_id, holdId: hold_id, holdItemId: item_id, state, seatParts }: RunItem): OrderItem {
  const places = seatParts.map(({ seat, fromIndex: from, toIndex: to }) => ({ coach_no: seat?.coachNo ?? '', seat_no: seat?.seatNo ?? '', from, to }));
  // A state of a newer contract is taken as on its way.
  return { order_id, run_id, hold_id, item_id, places, stage: STAGES[state] ?? 'MOVING', state: nameOf(state) };
}

function nameOf(state: OrderState): string {
  return Object.entries(OrderState).find(([, value]) => value === state)?.[0] ?? String(state);
}
