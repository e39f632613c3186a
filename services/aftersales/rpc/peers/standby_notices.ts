import type { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { errorSpec, isErrorReason } from '#kit/base/errors.ts';
import { mapResult, ok } from '#kit/base/result.ts';
import { formatRfc3339, fromCompactDate } from '#kit/base/time.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import type { StandbyNotices } from '../../app/standby_ports.ts';
import type { Standby, Wish } from '../../domain/standby.ts';

const SEND_MS = 2000;

/** Without a notification service nobody is told; the standby says it all the same. A match is told by its order. */
export function standbyNoticesOver(client: ServiceClient<typeof NotificationService> | undefined): StandbyNotices {
  if (client === undefined) return { entered: async () => ok(), ended: async () => ok() };
  const send = async (templateId: string, standby: Standby) => {
    const message = { messageKey: `${templateId}:${standby.standby_id}`, accountId: String(standby.account_id), templateId, parameters: wordsOf(standby), orderId: standby.order_id };
    return mapResult(await ask(client.sendMessage(message, own(SEND_MS))), () => undefined);
  };
  return { entered: (standby) => send('STANDBY_ENTERED', standby), ended: (standby) => send(ENDED[standby.reason] ?? 'STANDBY_FAILED', standby) };
}

/** By reason; of what is not named here the message says the reason. */
const ENDED: Readonly<Record<string, string>> = { SOLD_OUT: 'STANDBY_SOLD_OUT', TRAIN_DEPARTED: 'STANDBY_SOLD_OUT', SALE_CLOSED: 'STANDBY_SOLD_OUT', RUN_CANCELLED: 'STANDBY_RUN_CANCELLED', ORDER_NOT_PAYABLE: 'STANDBY_UNPAID' };

function wordsOf({ standby_id, order_id, wishes, wish_no, travellers, deadline_ms, reason }: Standby): Record<string, string> {
  const others = wish_no === undefined ? wishes.length - 1 : 0;
  const { train_no, service_date, from, to } = rideOf(wishes[wish_no ?? 0]!);
  const spec = isErrorReason(reason) ? errorSpec(reason) : undefined;
  const deadline = formatRfc3339(deadline_ms);
  return {
    standby: String(standby_id),
    order: order_id,
    train: train_no, date: service_date, from, to,
    others_zh: others === 0 ? '' : `等 ${others + 1} 个候补需求`,
    others_en: others === 0 ? '' : ` and ${others} more`,
    passengers: String(travellers.length),
    deadline: `${deadline.slice(0, 10)} ${deadline.slice(11, 16)}`,
    reason_zh: spec?.message_zh ?? '',
    reason_en: spec?.message_en ?? '',
  };
}

/** A request of before rides were kept with it is told by its run. */
function rideOf({ ride, run_id }: Wish): NonNullable<Wish['ride']> {
  const [train_no = '', day = ''] = run_id.split('.');
  return ride ?? { train_no, service_date: fromCompactDate(day) ?? '', from: '', to: '' };
}
