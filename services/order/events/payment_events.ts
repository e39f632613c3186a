/** PAYMENT events: the quick way to learn of money. The slow way (asking payment) stands by itself. */
import { fromBinary } from '@bufbuild/protobuf';
import { PaymentSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import { fenFromInt64 } from '#kit/base/money.ts';
import { startConsumer, TerminalError, type ConsumerOptions, type ReceivedEvent, type RunningConsumer } from '#kit/bus/consumer.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { Ports } from '../app/ports.ts';
import { takePayments, type PaymentsOfMoment, type SucceededPayment } from '../app/take_payment.ts';

export type PaymentEventOptions = Pick<ConsumerOptions, 'nats' | 'db' | 'log' | 'service'> & {
  ports: Pick<Ports, 'clock' | 'meters'>;
  /** The order store inside the transaction that also writes the inbox. What is written follows from the payment's event, by its trace. */
  ordersIn(tx: Tx, traceOf: (payment: SucceededPayment) => Readonly<Record<string, string>>): PaymentsOfMoment;
  /** After the commit: the order can be driven on. */
  onTaken(order_id: string): void;
  /** After the commit: money has to go back. */
  onRefused(): void;
};

export function startPaymentEvents(options: PaymentEventOptions): Promise<RunningConsumer> {
  const { nats, db, log, service, ports } = options;
  return startConsumer({
    nats,
    db,
    log,
    service,
    stream: 'PAYMENT',
    durable: 'order-payments',
    types: [PaymentSucceededSchema.typeName],
    async handleMany(events, tx) {
      const payments = events.flatMap((event) => {
        const payment = paymentOf(event);
        return payment === undefined ? [] : [{ payment, trace: event.trace }];
      });
      if (payments.length === 0) return;
      const traces = new Map(payments.map(({ payment, trace }) => [payment, trace]));
      const orders = options.ordersIn(tx, (payment) => traces.get(payment) ?? {});
      const outcomes = await takePayments(ports, orders, [...traces.keys()], 'event');
      tx.afterCommit(() => {
        for (const [index, { order_id }] of [...traces.keys()].entries()) if (outcomes[index] === 'taken') options.onTaken(order_id);
        if (outcomes.includes('refused')) options.onRefused();
      });
    },
  });
}

/** Undefined for the difference of a change of train, which is aftersales' money. */
function paymentOf(event: ReceivedEvent): SucceededPayment | undefined {
  const { payment } = fromBinary(PaymentSucceededSchema, event.payload);
  if (payment === undefined || payment.paymentId === '') throw new TerminalError('PaymentSucceeded without a payment');
  if (payment.kind !== 'PURCHASE') return undefined;
  if (!/^\d{1,19}$/.test(payment.orderId)) throw new TerminalError('PaymentSucceeded without an order');
  return { payment_id: payment.paymentId, order_id: payment.orderId, amount_fen: fenFromInt64(payment.amount?.amountFen ?? 0n) };
}
