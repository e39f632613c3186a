/** STOCK events of runs that the railway changed: each becomes a row, which is driven on (app/follow_run.ts) whether more events come or not. */
import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs, type Timestamp } from '@bufbuild/protobuf/wkt';
import {
  RunCancelledSchema, RunCoachesChangedSchema, RunRestoredSchema, RunTimesChangedSchema, type AffectedOrder, type RunCancelled, type RunCoachesChanged, type RunTimesChanged,
} from '#gen/rail/event/v1/stock_events_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { startConsumer, TerminalError, type ConsumerOptions, type ReceivedEvent, type RunningConsumer } from '#kit/bus/consumer.ts';
import type { Tx } from '#kit/store/mysql.ts';
import { seatKey, type Seat } from '../domain/order.ts';
import type { ConcernedOrder, RunWord } from '../domain/run_word.ts';

export type RunEventOptions = Pick<ConsumerOptions, 'nats' | 'db' | 'log' | 'service'> & {
  hear: (tx: Tx, word: RunWord) => Promise<void>;
  /** After the commit: the row is due. */
  onHeard: () => void;
};

export function startRunEvents({ nats, db, log, service, hear, onHeard }: RunEventOptions): Promise<RunningConsumer> {
  return startConsumer({
    nats, db, log, service, stream: 'STOCK', durable: 'order-runs',
    // Nearly all that the stream has is of holds, and passed over: a few at a time would be behind it when seats sell fast.
    max_in_flight: 256,
    types: [RunCancelledSchema, RunRestoredSchema, RunTimesChangedSchema, RunCoachesChangedSchema].map(({ typeName }) => typeName),
    async handleMany(events, tx) {
      const words = events.map(wordOf);
      if (words.some(({ run_id, revision }) => run_id === '' || revision <= 0)) throw new TerminalError('an event of no run, or without its revision');
      for (const word of words) await hear(tx, word);
      tx.afterCommit(onHeard);
    },
  });
}

function wordOf({ type, payload }: ReceivedEvent): RunWord {
  switch (type) {
    case RunTimesChangedSchema.typeName: {
      const event = fromBinary(RunTimesChangedSchema, payload);
      const stops = event.stops.map(({ index, arrivalTime, departureTime }) => ({ index, arrival_ms: ms(arrivalTime), departure_ms: ms(departureTime) }));
      return { kind: 'times', ...wordsOf(event), stops };
    }
    case RunCancelledSchema.typeName:
      return { kind: 'cancelled', ...wordsOf(fromBinary(RunCancelledSchema, payload)) };
    case RunCoachesChangedSchema.typeName:
      return { kind: 'coaches', ...wordsOf(fromBinary(RunCoachesChangedSchema, payload)) };
    case RunRestoredSchema.typeName: {
      const { runId, revision } = fromBinary(RunRestoredSchema, payload);
      return { kind: 'restored', run_id: runId, revision: Number(revision), reason: { zh: '', en: '' }, part: 1, parts: 1, orders: [] };
    }
    default:
      throw new TerminalError(`${type} is no word on a run`);
  }
}

function wordsOf({ runId, revision, reasonZh, reasonEn, part, partCount, orders }: RunCancelled | RunTimesChanged | RunCoachesChanged): Pick<RunWord, 'run_id' | 'revision' | 'reason' | 'part' | 'parts' | 'orders'> {
  // An order may have several holds, each named by itself.
  const named = orders.filter(({ orderId }) => /^\d{1,19}$/.test(orderId));
  return { run_id: runId, revision: Number(revision), reason: { zh: reasonZh, en: reasonEn }, part: Math.max(1, part), parts: Math.max(1, partCount), orders: named.map(concerned) };
}

function concerned({ orderId, seats }: AffectedOrder): ConcernedOrder {
  return { order_id: orderId, seats: seats.flatMap(({ seat }) => (seat === undefined ? [] : seatKey({ coach_no: seat.coachNo, seat_no: seat.seatNo, seat_class: CLASSES.get(seat.seatClass)! }))) };
}

const CLASSES = new Map(Object.entries(SeatClass).map(([word, value]) => [value as number, word as Seat['seat_class']]));

function ms(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : timestampMs(time);
}
