import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CloseReason, OrderState, type Order, type OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { fenFromInt64, fenToInt64 } from '#kit/base/money.ts';
import { fail, ok, mapResult, type Result } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Orders, OrderView } from '../../app/ports.ts';
import type { OrderFacts } from '../../domain/quote.ts';
import { ask, own } from '#kit/rpc/peer.ts';

type Client = ServiceClient<typeof OrderService>;

const READ_MS = 1000;
const WRITE_MS = 2000;

export function ordersOver(client: Client): Orders {
  return {
    find: async (order_id) => factsOf(await ask(client.getOrder({ orderId: order_id }, { ...own(READ_MS), retry: { attempts: 2 } }))),
    async transition({ request_id, order_id, items, to, cause }) {
      const transitions = items.map(({ item_id, version, refunded_fen }) => ({
        itemId: item_id,
        version,
        to: OrderState[to],
        closeReason: to === 'CLOSED' ? CloseReason.REFUNDED : CloseReason.UNSPECIFIED,
        refunded: { amountFen: fenToInt64(refunded_fen), currency: 'CNY' },
      }));
      return mapResult(await ask(client.transitionItems({ requestId: request_id, orderId: order_id, transitions, cause }, own(WRITE_MS))), () => undefined);
    },
  };
}

/** Orders as the account that calls may see them; operators see all. */
export function orderViewFor(client: Client, call: Call): OrderView {
  return async (order_id) => {
    const facts = factsOf(await ask(client.getOrder({ orderId: order_id }, { parent: call, timeout_ms: READ_MS })));
    if (!facts.ok) return facts;
    const may = facts.value.account_id === call.account?.account_id || call.account?.roles.includes('operator') === true;
    return may ? facts : fail('ORDER_NOT_FOUND');
  };
}

const STATES = new Map<number, string>(Object.entries(OrderState).map(([word, value]) => [value, word]));

function factsOf(answer: Result<{ order?: Order | undefined }>): Result<OrderFacts> {
  if (!answer.ok) return answer;
  const { order } = answer.value;
  if (order === undefined) return fail('ORDER_NOT_FOUND');
  const items = order.items.map((item) => {
    const journey = item.journey ?? order.journey;
    if (journey?.departureTime === undefined) throw new Error(`item ${item.itemId} has no departure`);
    return {
      item_id: item.itemId,
      // In a hold the items are numbered as in the order.
      item_no: Number(item.itemId.slice(item.itemId.lastIndexOf('-') + 1)),
      version: item.version,
      state: STATES.get(item.state) ?? 'UNSPECIFIED',
      paid_fen: fenFromInt64((item.fare?.amountFen ?? 0n) - (item.refunded?.amountFen ?? 0n)),
      departure_ms: timestampMs(journey.departureTime),
      hold_id: item.holdId,
      run_id: journey.runId,
    };
  });
  return ok({ order_id: order.orderId, account_id: order.accountId, payment_id: order.paymentId, items });
}
