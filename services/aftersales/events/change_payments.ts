/** PAYMENT events of differences: the quick way to learn that one was paid. The slow way (asking payment) stands by itself. */
import { fromBinary } from '@bufbuild/protobuf';
import { PaymentClosedSchema, PaymentSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import { startConsumer, TerminalError, type ConsumerOptions, type RunningConsumer } from '#kit/bus/consumer.ts';
import type { Tx } from '#kit/store/mysql.ts';

export type ChangePaymentOptions = Pick<ConsumerOptions, 'nats' | 'db' | 'log' | 'service'> & {
  /** In the transaction that also writes the inbox; true when a change of ours waits for it. */
  noteDifference: (tx: Tx, payment_id: string) => Promise<boolean>;
  /** After the commit: changes can be driven on. */
  onNews: () => void;
};

export function startChangePayments({ nats, db, log, service, noteDifference, onNews }: ChangePaymentOptions): Promise<RunningConsumer> {
  return startConsumer({
    nats,
    db,
    log,
    service,
    stream: 'PAYMENT',
    durable: 'aftersales-differences',
    types: [PaymentSucceededSchema.typeName, PaymentClosedSchema.typeName],
    async handle(event, tx) {
      const { payment } = fromBinary(event.type === PaymentSucceededSchema.typeName ? PaymentSucceededSchema : PaymentClosedSchema, event.payload);
      if (payment === undefined || payment.paymentId === '') throw new TerminalError('an event of a payment without a payment');
      if (payment.kind === 'CHANGE_DIFFERENCE' && (await noteDifference(tx, payment.paymentId))) tx.afterCommit(onNews);
    },
  });
}
