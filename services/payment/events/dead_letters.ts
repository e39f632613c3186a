// What people have to look at: money whose gateway or order does not answer. It lies among the dead letters of ops, and
// what they replay comes back here and is due at once, with all its tries anew.
import { fromBinary } from '@bufbuild/protobuf';
import { PaymentNeedsPeopleSchema, RefundNeedsPeopleSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Bus } from '#kit/bus/bus.ts';
import { startConsumer, TerminalError, type ConsumerOptions, type RunningConsumer } from '#kit/bus/consumer.ts';
import { cleanReason, publishDeadLetter } from '#kit/bus/dead_letter.ts';
import { encodeEvent } from '#kit/bus/envelope.ts';
import { eventBucket } from '#kit/bus/streams.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import type { DeadLetters } from '../app/ports.ts';
import { eventCodec } from './codec.ts';

const CONSUMER = 'payment-people';

/** Resolves when the letter is kept; the alarm goes off with it. */
export function deadLettersOn({ bus, clock, random, log }: { bus: Bus; clock: Clock; random: Random; log: Log }): DeadLetters {
  const written = metricsFor('payment').counter('payment_dead_letters_total', 'Payments and refunds that people have to look at', ['kind']);
  async function put(kind: 'payment' | 'refund', order_id: bigint, { type, payload }: { type: string; payload: Uint8Array }, why: string, tries: number): Promise<void> {
    const now_ms = clock.now_ms();
    const [event_id, key, reason] = [formatUuid7(now_ms, random.bytes(10)), String(order_id), cleanReason(why)];
    const event = { event_id, type, version: 1n, key, payload, occurred_at: new Date(now_ms), trace: {} };
    const letter = { stream: 'PAYMENT', consumer: CONSUMER, bucket: eventBucket(key), stream_sequence: 0, event_id, type, key, version: 1n, reason, tries, failed_at: new Date(now_ms), envelope: encodeEvent(event) } as const;
    await publishDeadLetter(bus, letter);
    written.inc({ kind });
    log.error({ alert: true, kind, event_id, key, version: '1', reason, tries }, kind === 'refund' ? 'REFUND_MANUAL: a refund needs people' : 'a payment needs people');
  }
  return {
    putPayment: (payment, reason, tries) => put('payment', payment.order_id, eventCodec.payment('PaymentNeedsPeople', payment), reason, tries),
    putRefund: (refund, reason, tries) => put('refund', refund.order_id, eventCodec.refund('RefundNeedsPeople', refund), reason, tries),
  };
}

export type Resume = {
  payment(tx: Tx, payment_id: bigint): Promise<void>;
  refund(tx: Tx, refund_id: string): Promise<void>;
  /** After the commit. */
  nudge(): void;
};

/** Takes what people replay, and nothing else of the stream. */
export function startResuming(options: Pick<ConsumerOptions, 'nats' | 'db' | 'log' | 'service'> & { resume: Resume }): Promise<RunningConsumer> {
  const { resume, ...common } = options;
  return startConsumer({
    ...common,
    stream: 'PAYMENT',
    durable: CONSUMER,
    replays_only: true,
    async handle({ type, payload }, tx) {
      if (type === PaymentNeedsPeopleSchema.typeName) {
        await resume.payment(tx, idOf(fromBinary(PaymentNeedsPeopleSchema, payload).payment?.paymentId));
      } else if (type === RefundNeedsPeopleSchema.typeName) {
        await resume.refund(tx, fromBinary(RefundNeedsPeopleSchema, payload).refund?.refundId ?? '');
      } else {
        throw new TerminalError(`nothing is resumed by ${type}`);
      }
      tx.afterCommit(() => resume.nudge());
    },
  });
}

function idOf(text: string | undefined): bigint {
  if (text === undefined || !/^\d{1,19}$/.test(text)) throw new TerminalError('the letter names no payment');
  return BigInt(text);
}
