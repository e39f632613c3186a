import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CloseReason, OrderState, type Order, type OrderItem as ItemMessage, type OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { fenFromInt64, fenToInt64 } from '#kit/base/money.ts';
import { fail, ok, mapResult, type Result } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Orders, OrderView } from '../../app/ports.ts';
import type { RunOrders } from '../../app/run_ports.ts';
import type { OrderFacts, OrderItem } from '../../domain/quote.ts';
import { ask, own } from '#kit/rpc/peer.ts';

type Client = ServiceClient<typeof OrderService>;

const READ_MS = 1000;
const SEARCH_MS = 2000;
const WRITE_MS = 2000;
/** Orders in one page of a run: what order shows at most. */
const PAGE = 100;
/** Orders with places, paid or not; all others have none any more. */
const OPEN_STATES = [OrderState.WAIT_PAY, OrderState.CLOSING, OrderState.PAID, OrderState.TICKETING, OrderState.SUCCESS, OrderState.FAIL, OrderState.REFUND, OrderState.CHANGE];

export function ordersOver(client: Client): Orders {
  return {
    find: async (order_id) => factsOf(await ask(client.getOrder({ orderId: order_id }, { ...own(READ_MS), retry: { attempts: 2 } }))),
    async transition({ request_id, order_id, items, to, cause, run_cancelled }) {
      const transitions = items.map(({ item_id, version, refunded_fen }) => ({
        itemId: item_id,
        version,
        to: OrderState[to],
        closeReason: to !== 'CLOSED' ? CloseReason.UNSPECIFIED : run_cancelled ? CloseReason.RUN_CANCELLED : CloseReason.REFUNDED,
        refunded: { amountFen: fenToInt64(refunded_fen), currency: 'CNY' },
      }));
      return mapResult(await ask(client.transitionItems({ requestId: request_id, orderId: order_id, transitions, cause }, own(WRITE_MS))), () => undefined);
    },
  };
}

export function runOrdersOver(client: Client): RunOrders {
  return {
    async onRun(run_id, page_token) {
      const page = await ask(client.searchOrders({ runId: run_id, states: OPEN_STATES, pageSize: PAGE, pageToken: page_token }, own(SEARCH_MS)));
      return mapResult(page, ({ orders, nextPageToken }) => ({ order_ids: orders.filter((order) => order.items.some((item) => isOpenOn(order, item, run_id))).map(({ orderId }) => orderId), next: nextPageToken }));
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
  return ok({ order_id: order.orderId, account_id: order.accountId, payment_id: order.paymentId, items: order.items.map((item) => itemOf(order, item)) });
}

function itemOf(order: Order, item: ItemMessage): OrderItem {
  const journey = item.journey ?? order.journey;
  if (journey?.departureTime === undefined || journey.arrivalTime === undefined) throw new Error(`item ${item.itemId} has no departure or no arrival`);
  const paid_fen = fenFromInt64((item.fare?.amountFen ?? 0n) - (item.refunded?.amountFen ?? 0n));
  return {
    item_id: item.itemId,
    // In a hold the items are numbered as in the order.
    item_no: Number(item.itemId.slice(item.itemId.lastIndexOf('-') + 1)),
    version: item.version,
    state: STATES.get(item.state) ?? 'UNSPECIFIED',
    paid_fen,
    // An order of the version before does not say: there was one payment.
    money: item.money.length === 0 ? [{ payment_id: order.paymentId, amount_fen: paid_fen }] : item.money.map(({ paymentId, amount }) => ({ payment_id: paymentId, amount_fen: fenFromInt64(amount?.amountFen ?? 0n) })),
    child: item.passengerType === PassengerType.CHILD,
    changed: item.changed,
    // As the ticket says; below it, as the train runs now.
    departure_ms: timestampMs(item.journeyChange?.orderedDepartureTime ?? journey.departureTime),
    arrival_ms: timestampMs(item.journeyChange?.orderedArrivalTime ?? journey.arrivalTime),
    departs_ms: timestampMs(journey.departureTime),
    arrives_ms: timestampMs(journey.arrivalTime),
    seat_gone: item.journeyChange?.seatGone === true,
    hold_id: item.holdId,
    run_id: journey.runId,
    ride: { train_no: journey.trainNo, service_date: journey.serviceDate, from_station: journey.fromStationName, to_station: journey.toStationName },
  };
}

function isOpenOn(order: Order, { journey, state }: ItemMessage, run_id: string): boolean {
  return state !== OrderState.CLOSED && (journey ?? order.journey)?.runId === run_id;
}
