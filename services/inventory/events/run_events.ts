// What the railway has changed of runs, with the orders concerned, as events of stream STOCK.
import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { RunCancelledSchema, RunCoachesChangedSchema, RunRestoredSchema, RunTimesChangedSchema, type AffectedOrderSchema, type StopTimesSchema } from '#gen/rail/event/v1/stock_events_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import { appendEvents, type OutgoingEvent } from '#kit/bus/outbox.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { Affected, RunNews, RunNotice } from '../app/ports.ts';
import { movedStops } from '../domain/difference.ts';
import { seatNameOf } from '../domain/place.ts';
import type { RunHeader, RunStop } from '../domain/run.ts';
import { seatMessage } from '../wire/seat_message.ts';

/** Whoever takes one changes so many orders in one transaction. */
const ORDERS_PER_EVENT = 100;

/** Adds the events of a notice to the transaction that ends it. Ids follow from run and revision: telling twice is telling once. */
export function runEvents(clock: Clock): (tx: Tx, run: RunHeader, notice: RunNotice, news: readonly RunNews[]) => Promise<void> {
  return async (tx, run, notice, news) => {
    const events = news.flatMap(({ kind, affected }): OutgoingEvent[] => {
      const event = <S extends DescMessage>(schema: S, message: MessageInitShape<S>, part = 1): OutgoingEvent => ({
        stream: 'STOCK', event_id: `run-${run.run_no}-${notice.revision}-${kind}-${part}`, type: schema.typeName, version: BigInt(notice.revision), key: run.run_id,
        occurred_at: new Date(clock.now_ms()), payload: toBinary(schema, create(schema, message)),
      });
      if (kind === 'restored') return [event(RunRestoredSchema, { runId: run.run_id, revision: BigInt(notice.revision) })];
      const parts = partsOf(affected);
      return parts.map((orders, index) => {
        const common = {
          runId: run.run_id, serviceDate: run.service_date, reasonZh: notice.reason.zh, reasonEn: notice.reason.en, revision: BigInt(notice.revision),
          orders: orders.map((one) => orderMessage(run, one)), part: index + 1, partCount: parts.length,
        };
        if (kind === 'times') return event(RunTimesChangedSchema, { ...common, stops: stopMessages(run.stops, notice.previous_stops) }, index + 1);
        return event(kind === 'cancelled' ? RunCancelledSchema : RunCoachesChangedSchema, common, index + 1);
      });
    });
    await appendEvents(tx, events);
  };
}

/** At least one: that a run changed is told whether anybody has a place or not. */
function partsOf(affected: readonly Affected[]): Affected[][] {
  const parts: Affected[][] = [];
  for (let start = 0; start === 0 || start < affected.length; start += ORDERS_PER_EVENT) parts.push(affected.slice(start, start + ORDERS_PER_EVENT));
  return parts;
}

function orderMessage({ layout }: RunHeader, { hold, places }: Affected): MessageInitShape<typeof AffectedOrderSchema> {
  return {
    orderId: hold.order_id, accountId: hold.account_id, holdId: hold.hold_id, holdState: hold.state,
    seats: places.map(({ item_id, class_code, index, from, to }) => ({ itemId: item_id, seat: seatMessage(seatNameOf(layout, class_code, index)), fromIndex: from, toIndex: to })),
  };
}

function stopMessages(now: readonly RunStop[], before: readonly RunStop[]): MessageInitShape<typeof StopTimesSchema>[] {
  return movedStops(now, before).map((index) => ({
    index, stationId: now[index]!.station_id,
    arrivalTime: time(now[index]!.arrival_ms), departureTime: time(now[index]!.departure_ms),
    previousArrivalTime: time(before[index]?.arrival_ms), previousDepartureTime: time(before[index]?.departure_ms),
  }));
}

function time(ms: number | undefined) {
  return ms === undefined ? undefined : timestampFromMs(ms);
}
