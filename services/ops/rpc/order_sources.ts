import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import { DeliveryState, MessageChannel } from '#gen/rail/notification/v1/notification_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentState, RefundState } from '#gen/rail/payment/v1/payment_pb.ts';
import type { OrderSources } from '../app/ports.ts';
import type { Happening } from '../domain/explain.ts';
import type { Peers } from './peers.ts';

/** What the services know of an order, as happenings. A service that does not answer is named instead of left out. */
export function orderSources(peers: Peers): OrderSources {
  return {
    async order(order_id) {
      const { order, entries } = await peers.order.getOrderTimeline({ orderId: order_id });
      const happenings = entries.map((entry): Happening => {
        const [from, to] = [nameOf(OrderState, entry.from), nameOf(OrderState, entry.to)];
        const item = entry.itemId === '' ? '' : ` ${entry.itemId}`;
        return { ...base(entry.time, 'order'), what: to, text_zh: `订单${item} ${from} → ${to}：${entry.cause}`, text_en: `Order${item} ${from} → ${to}: ${entry.cause}`, trace_id: entry.traceId };
      });
      return { state: nameOf(OrderState, order?.state ?? 0), happenings };
    },
    async others(order_id) {
      const parts = await Promise.all([guarded('payment', payments(peers, order_id)), guarded('ticketing', tickets(peers, order_id)), guarded('notification', messages(peers, order_id))]);
      return parts.flat();
    },
  };
}

async function payments({ payment }: Peers, order_id: string): Promise<Happening[]> {
  const { payments: found, refunds } = await payment.listPayments({ orderId: order_id });
  return [
    ...found.map((one): Happening => ({ ...base(one.payTime ?? one.createTime, 'payment'), what: `PAYMENT_${nameOf(PaymentState, one.state)}`, text_zh: `支付 ${one.paymentId}（${one.paymentChannel}）${nameOf(PaymentState, one.state)}`, text_en: `Payment ${one.paymentId} (${one.paymentChannel}) ${nameOf(PaymentState, one.state)}` })),
    ...refunds.map((one): Happening => ({ ...base(one.finishTime ?? one.createTime, 'payment'), what: `REFUND_${nameOf(RefundState, one.state)}`, text_zh: `退款 ${one.refundId} ${nameOf(RefundState, one.state)}`, text_en: `Refund ${one.refundId} ${nameOf(RefundState, one.state)}` })),
  ];
}

async function tickets({ ticketing }: Peers, order_id: string): Promise<Happening[]> {
  const { tickets: found } = await ticketing.listTickets({ orderId: order_id });
  return found.map((ticket): Happening => ({ ...base(ticket.issueTime, 'ticketing'), what: 'TICKET_ISSUED', text_zh: `车票 ${ticket.ticketId} 铁路登记号 ${ticket.railwayRef}`, text_en: `Ticket ${ticket.ticketId}, registered as ${ticket.railwayRef}` }));
}

async function messages({ notification }: Peers, order_id: string): Promise<Happening[]> {
  const { deliveries } = await notification.listDeliveries({ orderId: order_id, pageSize: 50 });
  return deliveries.map((one): Happening => ({ ...base(one.sentTime ?? one.createTime, 'notification'), what: `MESSAGE_${nameOf(DeliveryState, one.state)}`, text_zh: `消息 ${nameOf(MessageChannel, one.channel)} ${nameOf(DeliveryState, one.state)}`, text_en: `Message ${nameOf(MessageChannel, one.channel)} ${nameOf(DeliveryState, one.state)}` }));
}

async function guarded(service: string, asked: Promise<Happening[]>): Promise<Happening[]> {
  try {
    return await asked;
  } catch {
    return [{ time_ms: Date.now(), service, what: 'NOT_ANSWERING', text_zh: `${service} 服务暂未响应，此处信息不全`, text_en: `${service} does not answer now; what it knows is missing here`, trace_id: '' }];
  }
}

function base(time: Timestamp | undefined, service: string) {
  return { time_ms: time === undefined ? 0 : timestampMs(time), service, trace_id: '' };
}

/** The contract's own word for a number; the number itself when a newer contract sent it. */
export function nameOf(values: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(values).find((name) => values[name] === value) ?? String(value);
}
