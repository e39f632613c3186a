import type { MessageInitShape } from '@bufbuild/protobuf';
import { OrderState, type ItemTransitionSchema, type Order, type OrderItemSchema, type OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { fail, mapResult, ok, type Result } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { journeyMessage } from '#kit/rpc/journey.ts';
import type { ChangeOrders, Replaced, TicketsView } from '../../app/change_ports.ts';
import type { OrderTickets } from '../../domain/change_quote.ts';
import { fenOf, journeyOf, moneyMessage, seatMessage } from '../journeys.ts';
import { channels, orderStates, passengerTypes, seatClasses } from '../words.ts';

type Client = ServiceClient<typeof OrderService>;
type Transition = MessageInitShape<typeof ItemTransitionSchema>;

const READ_MS = 1000;
const WRITE_MS = 2000;

export function changeOrdersOver(client: Client): ChangeOrders {
  const move = async ({ request_id, order_id, cause }: { request_id: string; order_id: string; cause: string }, transitions: Transition[]): Promise<Result<undefined>> =>
    mapResult(await ask(client.transitionItems({ requestId: request_id, orderId: order_id, transitions, cause }, own(WRITE_MS))), () => undefined);
  return {
    find: async (order_id) => ticketsOf(await ask(client.getOrder({ orderId: order_id }, { ...own(READ_MS), retry: { attempts: 2 } }))),
    open: ({ items, journey, ...named }) => move(named, items.map(({ item_id, version }) => ({ itemId: item_id, version: BigInt(version), to: OrderState.CHANGE, claim: journeyMessage(journey) }))),
    giveBack: ({ items, ...named }) => move(named, items.map(({ item_id, version }) => ({ itemId: item_id, version: BigInt(version), to: OrderState.SUCCESS }))),
    replace: ({ items, ...named }) => move(named, items.map(replacing)),
  };
}

function replacing({ item_id, version, journey, places, hold_id, fare_fen, money, ticket_id }: Replaced): Transition {
  const replacement: MessageInitShape<typeof OrderItemSchema> = {
    journey: journeyMessage(journey),
    seat: seatMessage(places[0]!.seat),
    seatParts: places.map((part) => ({ seat: seatMessage(part.seat), fromIndex: part.from_index, toIndex: part.to_index })),
    holdId: hold_id,
    fare: moneyMessage(fare_fen),
    ticketId: ticket_id,
    money: money.map(({ payment_id, amount_fen }) => ({ paymentId: payment_id, amount: moneyMessage(amount_fen) })),
  };
  return { itemId: item_id, version: BigInt(version), to: OrderState.SUCCESS, replacement };
}

/** Orders as the account that calls may see them; operators see all. */
export function ticketsViewFor(client: Client, call: Call): TicketsView {
  return async (order_id) => {
    const found = ticketsOf(await ask(client.getOrder({ orderId: order_id }, { parent: call, timeout_ms: READ_MS })));
    if (!found.ok) return found;
    const may = found.value.account_id === call.account?.account_id || call.account?.roles.includes('operator') === true;
    return may ? found : fail('ORDER_NOT_FOUND');
  };
}

function ticketsOf(answer: Result<{ order?: Order | undefined }>): Result<OrderTickets> {
  if (!answer.ok) return answer;
  const { order } = answer.value;
  if (order === undefined) return fail('ORDER_NOT_FOUND');
  const items = order.items.map((item) => {
    const paid_fen = fenOf(item.fare) - fenOf(item.refunded);
    const money = item.money.map(({ paymentId, amount }) => ({ payment_id: paymentId, amount_fen: fenOf(amount) }));
    return {
      item_id: item.itemId,
      // In a hold the items are numbered as in the order.
      item_no: Number(item.itemId.slice(item.itemId.lastIndexOf('-') + 1)),
      version: Number(item.version),
      state: orderStates.of(item.state),
      changed: item.changed,
      passenger_id: item.passengerId,
      passenger_type: passengerTypes.of(item.passengerType),
      seat_class: seatClasses.of(item.seat?.seatClass ?? 0),
      hold_id: item.holdId,
      paid_fen,
      // An order of the version before does not say: there was one payment.
      money: money.length > 0 ? money : [{ payment_id: order.paymentId, amount_fen: paid_fen }],
      journey: journeyOf(item.journey ?? order.journey),
    };
  });
  return ok({ order_id: order.orderId, account_id: order.accountId, channel: channels.of(order.channel), items });
}
