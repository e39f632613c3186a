/** PAYMENT events: the quick way to learn of money. The slow way (asking payment) stands by itself. */
import { fromBinary } from '@bufbuild/protobuf';
import { PaymentSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import { fenFromInt64 } from '#kit/base/money.ts';
import { startConsumer, TerminalError, type ConsumerOptions, type RunningConsumer } from '#kit/bus/consumer.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { OrderStore, Ports } from '../app/ports.ts';
import { takePayment } from '../app/take_payment.ts';

type TxOrders = Pick<OrderStore, 'find' | 'apply' | 'addLatePayment'>;

export type PaymentEventOptions = Pick<ConsumerOptions, 'nats' | 'db' | 'log' | 'service'> & {
  ports: Pick<Ports, 'clock' | 'meters'>;
  /** The order store inside the transaction that also writes the inbox. */
  ordersIn(tx: Tx): TxOrders;
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
    async handle(event, tx) {
      const { payment } = fromBinary(PaymentSucceededSchema, event.payload);
      if (payment === undefined || payment.paymentId === '') throw new TerminalError('PaymentSucceeded without a payment');
      // The difference of a change of train is aftersales' money.
      if (payment.kind !== 'PURCHASE') return;
      if (!/^\d{1,19}$/.test(payment.orderId)) throw new TerminalError('PaymentSucceeded without an order');
      const succeeded = { payment_id: payment.paymentId, order_id: payment.orderId, amount_fen: fenFromInt64(payment.amount?.amountFen ?? 0n) };
      const outcome = await takePayment(ports, options.ordersIn(tx), succeeded, 'event');
      tx.afterCommit(() => (outcome === 'taken' ? options.onTaken(succeeded.order_id) : options.onRefused()));
    },
  });
}
