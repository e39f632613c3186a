import type { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { formatFen } from '#kit/base/money.ts';
import { mapResult, ok } from '#kit/base/result.ts';
import { formatRfc3339 } from '#kit/base/time.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import type { ChangeNotices } from '../../app/change_ports.ts';
import type { Change, ChangeItem } from '../../domain/change.ts';

const SEND_MS = 2000;

/** Without a notification service nobody is told; the order says it all the same. */
export function changeNoticesOver(client: ServiceClient<typeof NotificationService> | undefined): ChangeNotices {
  if (client === undefined) return { done: async () => ok(), givenUp: async () => ok() };
  const send = async (templateId: string, change: Change) => {
    const message = { messageKey: `${templateId}:${change.change_id}`, accountId: String(change.account_id), templateId, parameters: wordsOf(change), orderId: String(change.order_id) };
    return mapResult(await ask(client.sendMessage(message, own(SEND_MS))), () => undefined);
  };
  return { done: (change) => send('ORDER_CHANGED', change), givenUp: (change) => send('CHANGE_GIVEN_UP', change) };
}

/** The wanted ride, as templates name it. */
export function wordsOf({ order_id, journey, items }: Change): Record<string, string> {
  const { service_date, train_no, from_station_name, to_station_name, departure_ms } = journey;
  return {
    order: String(order_id),
    date: service_date,
    train: train_no,
    from: from_station_name,
    to: to_station_name,
    departure: formatRfc3339(departure_ms).slice(11, 16),
    seats: items.map(seatsOf).join('、'),
    amount: formatFen(BigInt(items.reduce((sum, { new_fare_fen }) => sum + new_fare_fen, 0))),
  };
}

/** `05-12A`, and with a change of seats on the way all of them. */
function seatsOf({ places }: ChangeItem): string {
  return places.map(({ seat }) => (seat.coach_no === '' ? '无座 (standing)' : `${seat.coach_no}-${seat.seat_no}`)).join('→');
}
