import { create } from '@bufbuild/protobuf';
import test from 'ava';
import { OrderItemSchema, OrderSchema } from '#gen/rail/order/v1/order_pb.ts';
import { journeyGroups, totalFen } from './journey_groups.ts';

const journey = (runId: string) => ({ runId, fromStationId: 'WHN', toStationId: 'CSQ', trainNo: runId });
const item = (itemId: string, run: string | undefined, amountFen: bigint, changed = false) => create(OrderItemSchema, { itemId, changed, fare: { amountFen }, ...(run === undefined ? {} : { journey: journey(run) }) });
const ordered = (...items: ReturnType<typeof item>[]) => create(OrderSchema, { journey: journey('G1'), total: { amountFen: 24_750n }, items });

test('[web] an order is one journey, until some of its tickets were changed', (t) => {
  const groups = (...items: ReturnType<typeof item>[]) => journeyGroups(ordered(...items)).map((group) => [group.journey?.trainNo, group.items.map(({ itemId }) => itemId)]);
  t.deepEqual(groups(item('a', 'G1', 1n), item('b', 'G1', 1n)), [['G1', ['a', 'b']]]);
  t.deepEqual(groups(item('a', 'G3', 1n, true), item('b', 'G1', 1n)), [['G3', ['a']], ['G1', ['b']]]);
  t.deepEqual(groups(item('a', undefined, 1n), item('b', 'G1', 1n)), [['G1', ['a', 'b']]], 'an item without a journey of its own makes the order’s');
});

test('[web] what the tickets cost follows their changes', (t) => {
  t.is(totalFen(ordered(item('a', 'G1', 16_500n), item('b', 'G1', 8_250n))), 24_750n);
  t.is(totalFen(ordered(item('a', 'G3', 26_550n, true), item('b', 'G1', 8_250n))), 34_800n);
});
