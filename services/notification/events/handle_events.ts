// Which event makes which message. What is not named here makes none.
import { fromBinary } from '@bufbuild/protobuf';
import {
  OrderClosedSchema, OrderFailedSchema, OrderPlacedSchema, OrderRunCancelledSchema, OrderRunRestoredSchema, OrderSeatsChangedSchema, OrderTicketedSchema, OrderTimesChangedSchema,
} from '#gen/rail/event/v1/order_events_pb.ts';
import type { OrderRunChange, OrderSnapshot } from '#gen/rail/event/v1/order_events_pb.ts';
import { RefundSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import type { RefundSnapshot } from '#gen/rail/event/v1/payment_events_pb.ts';
import { FailureError } from '#kit/base/result.ts';
import { formatFen } from '#kit/base/money.ts';
import { TerminalError } from '#kit/bus/consumer.ts';
import type { ReceivedEvent } from '#kit/bus/consumer.ts';
import { compose, lookUp } from '../app/compose.ts';
import type { Composed, Materials, MessageOrder } from '../app/compose.ts';
import { SYSTEM } from '../app/ports.ts';
import type { Deps, Unit } from '../app/ports.ts';
import type { Parameters } from '../domain/template.ts';
import { asError } from '../app/send.ts';
import { orderWords } from './order_words.ts';
import { changeWords, seatWords, timeWords } from './run_words.ts';

export const ORDER_TYPES = [
  OrderPlacedSchema, OrderTicketedSchema, OrderFailedSchema, OrderClosedSchema, OrderTimesChangedSchema, OrderRunCancelledSchema, OrderRunRestoredSchema, OrderSeatsChangedSchema,
].map(({ typeName }) => typeName);
export const PAYMENT_TYPES = [RefundSucceededSchema.typeName];

/** What events say, by event id, with what it takes to write that; an Error for one that can't be understood, or not yet. */
export type Prepared = { orders: ReadonlyMap<string, MessageOrder | Error | undefined>; materials: Materials };

/** Looks up everything for the messages of some events, before the transaction that writes them. */
export async function prepareMessages(deps: Pick<Deps, 'store' | 'templates' | 'contacts' | 'log'>, events: readonly ReceivedEvent[]): Promise<Prepared> {
  const orders = await Promise.all(events.map(async (event) => [event.event_id, await messageOf(deps, event).catch(asError)] as const));
  return { orders: new Map(orders), materials: await lookUp(deps, orders.map(([, order]) => order).filter(isOrder)) };
}

/**
 * Writes the messages of events in the consumer's transaction; throws when one of them can't be written, and then none is.
 * The key names what a message is about and not the event, so that an event published anew under another id tells nobody
 * twice.
 */
export async function writeMessages(deps: Pick<Deps, 'ids' | 'clock'>, unit: Unit, { orders, materials }: Prepared, events: readonly ReceivedEvent[]): Promise<Composed> {
  const wanted = events.map(({ event_id }) => orders.get(event_id));
  const unclear = wanted.find((order) => order instanceof Error);
  if (unclear !== undefined) throw unclear;
  const composed = await compose(deps, unit, wanted.filter(isOrder), materials);
  for (const result of composed.results) if (!result.ok) throw new FailureError(result.error);
  return composed;
}

function isOrder(order: MessageOrder | Error | undefined): order is MessageOrder {
  return order !== undefined && !(order instanceof Error);
}

async function messageOf(deps: Pick<Deps, 'store'>, { type, payload }: ReceivedEvent): Promise<MessageOrder | undefined> {
  switch (type) {
    case OrderPlacedSchema.typeName:
      return aboutOrder('ORDER_PLACED', fromBinary(OrderPlacedSchema, payload).order);
    case OrderTicketedSchema.typeName:
      return aboutTickets(fromBinary(OrderTicketedSchema, payload).order);
    case OrderFailedSchema.typeName:
      return aboutOrder('ORDER_FAILED', fromBinary(OrderFailedSchema, payload).order);
    case OrderClosedSchema.typeName: {
      const { order, reason, runRevision } = fromBinary(OrderClosedSchema, payload);
      if (reason === 'RUN_CANCELLED') return aboutCancelledRun(order, runRevision);
      const template_id = CLOSED[reason];
      return template_id === undefined ? undefined : aboutOrder(template_id, order);
    }
    case OrderTimesChangedSchema.typeName: {
      const event = fromBinary(OrderTimesChangedSchema, payload);
      return aboutRun('TIMES_CHANGED', event, timeWords(event));
    }
    case OrderRunCancelledSchema.typeName: {
      const { order, change } = fromBinary(OrderRunCancelledSchema, payload);
      return concernsTravellers(order, change) ? aboutCancelledRun(order, change?.revision ?? 0n, change) : undefined;
    }
    case OrderRunRestoredSchema.typeName:
      return aboutRun('RUN_RESTORED', fromBinary(OrderRunRestoredSchema, payload), {});
    case OrderSeatsChangedSchema.typeName: {
      const event = fromBinary(OrderSeatsChangedSchema, payload);
      return aboutRun(event.gone.length > 0 ? 'SEATS_GONE' : 'SEATS_BACK', event, seatWords(event));
    }
    case RefundSucceededSchema.typeName:
      return aboutRefund(deps, fromBinary(RefundSucceededSchema, payload).refund);
    default:
      return undefined;
  }
}

function aboutOrder(template_id: string, order: OrderSnapshot | undefined): MessageOrder {
  if (order === undefined || !/^\d{1,19}$/.test(order.accountId)) throw new TerminalError('an order event without its order');
  return { message_key: `${template_id}:${order.orderId}`, account_id: BigInt(order.accountId), template_id, parameters: orderWords(order), order_id: order.orderId };
}

/**
 * Told when the railway says so, and again where the order closes for it: one message, whichever comes first. What is to be done
 * depends on whether anything was paid.
 */
function aboutCancelledRun(order: OrderSnapshot | undefined, revision: bigint, change?: OrderRunChange): MessageOrder {
  const paid = order?.paymentId !== '' || order.items.some(({ ticketId }) => ticketId !== '');
  const about = aboutOrder(paid ? 'RUN_CANCELLED' : 'RUN_CANCELLED_UNPAID', order);
  const parameters = change === undefined ? { ...about.parameters, reason_zh: '', reason_en: '' } : { ...about.parameters, ...changeWords(change) };
  return { ...about, parameters, message_key: revision === 0n ? about.message_key : `${about.message_key}:${revision}` };
}

/** One message for each version of the order that says something new. */
function aboutRun(template_id: string, { order, change }: { order?: OrderSnapshot | undefined; change?: OrderRunChange | undefined }, words: Parameters): MessageOrder | undefined {
  if (!concernsTravellers(order, change)) return undefined;
  const about = aboutOrder(template_id, order);
  return { ...about, message_key: `${about.message_key}:${order?.version}`, parameters: { ...about.parameters, ...changeWords(change), ...words } };
}

/** Whether anybody still means to travel: who gave the ticket back, or let the order go, need not know. */
function concernsTravellers(order: OrderSnapshot | undefined, change: OrderRunChange | undefined): boolean {
  return order?.items.some(({ itemId, state }) => change?.itemIds.includes(itemId) === true && TRAVELLING.has(state)) === true;
}

const TRAVELLING: ReadonlySet<string> = new Set(['WAIT_PAY', 'PAID', 'TICKETING', 'SUCCESS', 'CHANGE']);

/** A change issues tickets anew for the same order, so the tickets are part of the key. */
function aboutTickets(order: OrderSnapshot | undefined): MessageOrder {
  const about = aboutOrder('ORDER_TICKETED', order);
  const newest = order?.items.map(({ ticketId }) => ticketId).filter((ticket_id) => ticket_id !== '').toSorted().at(-1) ?? '';
  return { ...about, message_key: `${about.message_key}:${newest}`.slice(0, 64) };
}

/** Events of before the contract said whose money it is are told apart by earlier messages of the order. */
async function aboutRefund({ store }: Pick<Deps, 'store'>, refund: RefundSnapshot | undefined): Promise<MessageOrder> {
  if (refund === undefined) throw new TerminalError('a refund event without its refund');
  const account_id = /^\d{1,19}$/.test(refund.accountId) ? BigInt(refund.accountId) : await store.record(SYSTEM, (unit) => unit.messages.accountOfOrder(refund.orderId));
  if (account_id === undefined) throw new Error('nothing is known of this order yet');
  // Refunds of tickets are named by the item, those of payments that bought nothing by the payment.
  const template_id = refund.refundId.startsWith(`r-${refund.paymentId}`) ? 'PAYMENT_RETURNED' : 'ORDER_REFUNDED';
  const parameters = { order: refund.orderId, amount: formatFen(refund.amount?.amountFen ?? 0n) };
  return { message_key: `REFUND:${refund.refundId}`.slice(0, 64), account_id, template_id, parameters, order_id: refund.orderId };
}

/** By the word of order's CloseReason. The others have a message of their own: of the refund, of the failure, or of the run. */
const CLOSED: Readonly<Record<string, string | undefined>> = { EXPIRED: 'ORDER_EXPIRED', CANCELLED: 'ORDER_CANCELLED' };
