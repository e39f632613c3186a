/** PAYMENT events: the quick way to learn that money has arrived. The slow way (asking payment) stands by itself. */
import { fromBinary } from '@bufbuild/protobuf';
import { RefundNeedsPeopleSchema, RefundSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import { startConsumer, TerminalError, type ConsumerOptions, type RunningConsumer } from '#kit/bus/consumer.ts';
import type { Tx } from '#kit/store/mysql.ts';

export type PaymentEventOptions = Pick<ConsumerOptions, 'nats' | 'db' | 'log' | 'service'> & {
  /** In the transaction that also writes the inbox; true when the refund is one of ours and waits for it. */
  noteMoney: (tx: Tx, money_id: string, arrived: boolean) => Promise<boolean>;
  /** After the commit: refunds can be driven on. */
  onNews: () => void;
};

export function startPaymentEvents({ nats, db, log, service, noteMoney, onNews }: PaymentEventOptions): Promise<RunningConsumer> {
  return startConsumer({
    nats,
    db,
    log,
    service,
    stream: 'PAYMENT',
    durable: 'aftersales-payments',
    types: [RefundSucceededSchema.typeName, RefundNeedsPeopleSchema.typeName],
    async handle(event, tx) {
      const arrived = event.type === RefundSucceededSchema.typeName;
      const { refund } = fromBinary(arrived ? RefundSucceededSchema : RefundNeedsPeopleSchema, event.payload);
      if (refund === undefined || refund.refundId === '') throw new TerminalError('an event of a refund without a refund');
      if (await noteMoney(tx, refund.refundId, arrived)) tx.afterCommit(onNews);
    },
  });
}
