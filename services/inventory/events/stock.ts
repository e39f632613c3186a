// What happened to holds and runs, as events of stream STOCK in the transaction of the change.
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { RunSaleChangedSchema, SeatsHeldSchema, SeatsReleasedSchema, SeatsSoldSchema, StockHoldSchema, type StockHold } from '#gen/rail/event/v1/stock_events_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { appendEvents, type OutgoingEvent } from '#kit/bus/outbox.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { HoldChange } from '../app/ports.ts';
import type { Hold } from '../domain/hold.ts';
import { seatNameOf } from '../domain/place.ts';
import type { RunLayout } from '../domain/layout.ts';
import { seatMessage } from '../wire/seat_message.ts';

export type StockEvents = {
  publish: (tx: Tx, changes: readonly HoldChange[]) => Promise<void>;
  publishRuns: (tx: Tx, runs: readonly { run_id: string; timetable_version: string; open: boolean; reason: string }[]) => Promise<void>;
};

/** `layouts` tells the layouts of runs, to name seats. */
export function stockEvents({ clock, random, layouts }: { clock: Clock; random: Random; layouts: (run_ids: readonly string[]) => Promise<ReadonlyMap<string, { layout: RunLayout }>> }): StockEvents {
  const event = (type: string, key: string, version: bigint, payload: Uint8Array): OutgoingEvent => {
    return { stream: 'STOCK', event_id: uuid7(clock, random), type, version, key, occurred_at: new Date(clock.now_ms()), payload };
  };
  return {
    async publish(tx, changes) {
      const runs = await layouts([...new Set(changes.map(({ hold }) => hold.run_id))]);
      const events = changes.flatMap(({ kind, hold, reason }) => {
        const message = holdMessage(hold, runs.get(hold.run_id)!.layout);
        const version = BigInt(hold.version);
        if (kind === 'held') return [event(SeatsHeldSchema.typeName, hold.run_id, version, toBinary(SeatsHeldSchema, create(SeatsHeldSchema, { hold: message })))];
        if (kind === 'sold') return [event(SeatsSoldSchema.typeName, hold.run_id, version, toBinary(SeatsSoldSchema, create(SeatsSoldSchema, { hold: message })))];
        // An aborted hold never took seats, so nobody needs to hear of it.
        if (kind === 'aborted') return [];
        return [event(SeatsReleasedSchema.typeName, hold.run_id, version, toBinary(SeatsReleasedSchema, create(SeatsReleasedSchema, { hold: message, reason })))];
      });
      await appendEvents(tx, events);
    },
    async publishRuns(tx, runs) {
      const events = runs.map(({ run_id, timetable_version, open, reason }) => {
        const payload = toBinary(RunSaleChangedSchema, create(RunSaleChangedSchema, { runId: run_id, timetableVersion: timetable_version, open, reason }));
        return event(RunSaleChangedSchema.typeName, run_id, open ? 1n : 2n, payload);
      });
      await appendEvents(tx, events);
    },
  };
}

function holdMessage(hold: Hold, layout: RunLayout): StockHold {
  return create(StockHoldSchema, {
    holdId: hold.hold_id,
    runId: hold.run_id,
    state: hold.state,
    version: BigInt(hold.version),
    orderId: hold.order_id,
    seats: hold.places.map(({ item_id, class_code, index, from, to }) => ({ itemId: item_id, seat: seatMessage(seatNameOf(layout, class_code, index)), fromIndex: from, toIndex: to })),
    expireTime: timestampFromMs(hold.expires_ms),
  });
}
