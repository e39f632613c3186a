import test from 'ava';
import { fromBinary } from '@bufbuild/protobuf';
import { OrderPlacedSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { BatchIssueTicketsRequest, TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { sampleOrder } from '../domain/samples.ts';
import type { Order, SeatPart } from '../domain/order.ts';
import { ticketingPeer } from '../rpc/peers/ticketing.ts';
import { placedEvent } from './encode.ts';

const PARTS: SeatPart[] = [
  { seat: { coach_no: '05', seat_no: '12A', seat_class: 'SECOND' }, from_index: 0, to_index: 2 },
  { seat: { coach_no: '07', seat_no: '03F', seat_class: 'SECOND' }, from_index: 2, to_index: 3 },
];

test('a ride with a change of seats is told with all of them, to who hears of the order and to who issues its tickets', async (t) => {
  const plain = sampleOrder('TICKETING');
  const order: Order = { ...plain, items: plain.items.map((item) => ({ ...item, seat: PARTS[0]!.seat, seat_parts: PARTS })) };
  const shown = (parts: { seat?: { coachNo?: string; seatNo?: string }; fromIndex?: number; toIndex?: number }[]) => parts.map(({ seat, fromIndex, toIndex }) => `${fromIndex} ${seat?.coachNo}-${seat?.seatNo} ${toIndex}`);
  const told = fromBinary(OrderPlacedSchema, placedEvent(order).payload).order!;
  t.deepEqual(shown(told.items[0]!.seatParts), ['0 05-12A 2', '2 07-03F 3']);
  let asked: BatchIssueTicketsRequest | undefined;
  const client = { batchIssueTickets: async (request: BatchIssueTicketsRequest) => ((asked = request), { results: [{ outcome: { case: 'issue', value: { outcome: 2, tickets: [], failureReason: '' } } }] }) } as unknown as ServiceClient<typeof TicketingService>;
  await ticketingPeer(client).issue(order);
  t.deepEqual(shown(asked!.requests[0]!.items[0]!.seatParts), ['0 05-12A 2', '2 07-03F 3']);
});
