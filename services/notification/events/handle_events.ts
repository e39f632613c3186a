// Which event makes which message. What is not named here makes none.
import { fromBinary } from '@bufbuild/protobuf';
import { OrderClosedSchema, OrderFailedSchema, OrderPlacedSchema, OrderTicketedSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import type { OrderSnapshot } from '#gen/rail/event/v1/order_events_pb.ts';
import { RefundSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import type { RefundSnapshot } from '#gen/rail/event/v1/payment_events_pb.ts';
import { FailureError } from '#kit/base/result.ts';
import { formatFen } from '#kit/base/money.ts';
import { TerminalError } from '#kit/bus/consumer.ts';
import type { ReceivedEvent } from '#kit/bus/consumer.ts';
import { compose } from '../app/compose.ts';
import type { MessageOrder } from '../app/compose.ts';
import type { Deps, Unit } from '../app/ports.ts';
import { orderWords } from './order_words.ts';

export const ORDER_TYPES = [OrderPlacedSchema.typeName, OrderTicketedSchema.typeName, OrderFailedSchema.typeName, OrderClosedSchema.typeName];
export const PAYMENT_TYPES = [RefundSucceededSchema.typeName];

/**
 * Writes the message of an event in the consumer's transaction. The key names what it is about and not the event, so
 * that an event published anew under another id tells nobody twice.
 */
export async function handleEvent(deps: Pick<Deps, 'ids' | 'clock' | 'random'>, unit: Unit, event: ReceivedEvent): Promise<void> {
  const order = await messageOf(unit, event);
  if (order === undefined) return;
  const composed = await compose(deps, unit, order);
  if (!composed.ok) throw new FailureError(composed.error);
}

async function messageOf(unit: Unit, { type, payload }: ReceivedEvent): Promise<MessageOrder | undefined> {
  switch (type) {
    case OrderPlacedSchema.typeName:
      return aboutOrder('ORDER_PLACED', fromBinary(OrderPlacedSchema, payload).order);
    case OrderTicketedSchema.typeName:
      return aboutTickets(fromBinary(OrderTicketedSchema, payload).order);
    case OrderFailedSchema.typeName:
      return aboutOrder('ORDER_FAILED', fromBinary(OrderFailedSchema, payload).order);
    case OrderClosedSchema.typeName: {
      const { order, reason } = fromBinary(OrderClosedSchema, payload);
      const template_id = CLOSED[reason];
      return template_id === undefined ? undefined : aboutOrder(template_id, order);
    }
    case RefundSucceededSchema.typeName:
      return aboutRefund(unit, fromBinary(RefundSucceededSchema, payload).refund);
    default:
      return undefined;
  }
}

function aboutOrder(template_id: string, order: OrderSnapshot | undefined): MessageOrder {
  if (order === undefined || !/^\d{1,19}$/.test(order.accountId)) throw new TerminalError('an order event without its order');
  return { message_key: `${template_id}:${order.orderId}`, account_id: BigInt(order.accountId), template_id, parameters: orderWords(order), order_id: order.orderId };
}

/** A change issues tickets anew for the same order, so the tickets are part of the key. */
function aboutTickets(order: OrderSnapshot | undefined): MessageOrder {
  const about = aboutOrder('ORDER_TICKETED', order);
  const newest = order?.items.map(({ ticketId }) => ticketId).filter((ticket_id) => ticket_id !== '').toSorted().at(-1) ?? '';
  return { ...about, message_key: `${about.message_key}:${newest}`.slice(0, 64) };
}

/** Events of before the contract said whose money it is are told apart by earlier messages of the order. */
async function aboutRefund(unit: Unit, refund: RefundSnapshot | undefined): Promise<MessageOrder> {
  if (refund === undefined) throw new TerminalError('a refund event without its refund');
  const account_id = /^\d{1,19}$/.test(refund.accountId) ? BigInt(refund.accountId) : await unit.messages.accountOfOrder(refund.orderId);
  if (account_id === undefined) throw new Error('nothing is known of this order yet');
  // Refunds of tickets are named by the item, those of payments that bought nothing by the payment.
  const template_id = refund.refundId.startsWith(`r-${refund.paymentId}`) ? 'PAYMENT_RETURNED' : 'ORDER_REFUNDED';
  const parameters = { order: refund.orderId, amount: formatFen(refund.amount?.amountFen ?? 0n) };
  return { message_key: `REFUND:${refund.refundId}`.slice(0, 64), account_id, template_id, parameters, order_id: refund.orderId };
}

/** By the word of order's CloseReason. The others have a message of their own: of the refund, or of the failure. */
const CLOSED: Readonly<Record<string, string | undefined>> = { EXPIRED: 'ORDER_EXPIRED', CANCELLED: 'ORDER_CANCELLED', RUN_CANCELLED: 'RUN_CANCELLED' };
