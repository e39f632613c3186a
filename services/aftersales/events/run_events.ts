/** STOCK events of runs: what the railway cancelled, or has run after all. Other times and coaches stand in the orders. */
import { fromBinary } from '@bufbuild/protobuf';
import { RunCancelledSchema, RunRestoredSchema } from '#gen/rail/event/v1/stock_events_pb.ts';
import { startConsumer, TerminalError, type ConsumerOptions, type ReceivedEvent, type RunningConsumer } from '#kit/bus/consumer.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { RunCancelledNews } from '../domain/run_news.ts';

export type RunEventOptions = Pick<ConsumerOptions, 'nats' | 'db' | 'log' | 'service'> & {
  /** Both in the transaction that also writes the inbox. */
  cancelled: (tx: Tx, news: RunCancelledNews) => Promise<void>;
  restored: (tx: Tx, news: { run_id: string; revision: bigint }) => Promise<void>;
  /** After the commit: jobs can be driven on. */
  onNews: () => void;
};

export function startRunEvents({ nats, db, log, service, cancelled, restored, onNews }: RunEventOptions): Promise<RunningConsumer> {
  return startConsumer({
    nats,
    db,
    log,
    service,
    stream: 'STOCK',
    durable: 'aftersales-runs',
    // Nearly all that the stream has is of holds, and passed over: a few at a time would be behind it when seats sell fast.
    max_in_flight: 256,
    types: [RunCancelledSchema.typeName, RunRestoredSchema.typeName],
    async handleMany(events, tx) {
      // Each locks its run: always in one order.
      for (const event of events.toSorted((left, right) => (left.key < right.key ? -1 : 1))) await take(event, tx);
      tx.afterCommit(onNews);
    },
  });

  async function take({ type, payload }: ReceivedEvent, tx: Tx): Promise<void> {
    if (type === RunRestoredSchema.typeName) {
      const { runId, revision } = fromBinary(RunRestoredSchema, payload);
      await restored(tx, { run_id: named(runId), revision });
    } else {
      const { runId, revision, reasonZh, reasonEn, orders } = fromBinary(RunCancelledSchema, payload);
      // A hold without an order is given back by inventory itself.
      const order_ids = orders.map(({ orderId }) => orderId).filter((order_id) => /^[1-9]\d{0,18}$/.test(order_id));
      await cancelled(tx, { run_id: named(runId), revision, reason_zh: reasonZh, reason_en: reasonEn, order_ids });
    }
  }
}

function named(run_id: string): string {
  if (run_id === '') throw new TerminalError('an event of a run without its name');
  return run_id;
}
