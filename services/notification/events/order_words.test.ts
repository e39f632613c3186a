import test from 'ava';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { OrderSnapshotSchema, type OrderSnapshotItemSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import { orderWords } from './order_words.ts';

const seats = (...items: MessageInitShape<typeof OrderSnapshotItemSchema>[]) => orderWords(create(OrderSnapshotSchema, { items })).seats;
const seat = (coachNo: string, seatNo: string) => ({ coachNo, seatNo });

test('a traveller is told every seat of the way, and events of before there were several say the one', (t) => {
  const parts = [{ seat: seat('05', '12A'), fromIndex: 0, toIndex: 2 }, { seat: seat('07', '03F'), fromIndex: 2, toIndex: 3 }];
  t.is(seats({ seat: seat('05', '12A'), seatParts: parts }, { seat: seat('05', '12B') }), '05-12A→07-03F、05-12B');
  t.is(seats({ seat: seat('', '') }), '无座 (standing)');
});
