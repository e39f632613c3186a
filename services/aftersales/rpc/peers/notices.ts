import type { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { formatFen } from '#kit/base/money.ts';
import { mapResult, ok } from '#kit/base/result.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import type { Notices } from '../../app/run_ports.ts';

const SEND_MS = 2000;

/** Without a notification service nobody is told; the order says it all the same. */
export function noticesOver(client: ServiceClient<typeof NotificationService> | undefined): Notices {
  if (client === undefined) return { runRefunded: async () => ok() };
  return {
    async runRefunded({ job, order, amount_fen }) {
      const ride = order.items.find(({ run_id }) => run_id === job.run_id)?.ride;
      const parameters = {
        order: order.order_id, amount: formatFen(BigInt(amount_fen)), reason_zh: job.reason_zh, reason_en: job.reason_en,
        train: ride?.train_no ?? '', date: ride?.service_date ?? '', from: ride?.from_station ?? '', to: ride?.to_station ?? '',
      };
      const message = { messageKey: `RUN_REFUND:${job.job_id}:${order.order_id}`, accountId: order.account_id, templateId: job.cause === 'RUN_CANCELLED' ? 'RUN_CANCELLED_REFUND' : 'RUN_REFUND', parameters, orderId: order.order_id };
      return mapResult(await ask(client.sendMessage(message, own(SEND_MS))), () => undefined);
    },
  };
}
