/** Inventory and notification, as upgrades need them. */
import { HoldState, type InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { ERRORS, isErrorReason } from '#kit/base/errors.ts';
import { formatFen } from '#kit/base/money.ts';
import { fail, mapResult, ok } from '#kit/base/result.ts';
import { formatRfc3339 } from '#kit/base/time.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { ask, own } from '#kit/rpc/peer.ts';
import { runBuckets } from '#kit/rpc/run_buckets.ts';
import type { UpgradeNotices, UpgradeParts, UpgradeStandby } from '../../app/upgrade_ports.ts';
import { differenceOf } from '../../domain/change.ts';
import { matchHoldId } from '../../domain/standby.ts';
import { placesIn } from './change_peers.ts';
import { wordsOf } from './change_notices.ts';

const READ_MS = 1000;
const SEND_MS = 2000;

export function heldOver(client: ServiceClient<typeof InventoryService>): UpgradeParts['held'] {
  const buckets = runBuckets(client);
  return async (standby, { run_id }) => {
    const answer = await ask(client.getHold({ holdId: matchHoldId(standby), runId: run_id }, { ...own(READ_MS), retry: { attempts: 2 }, route_key: await buckets.keyOf(run_id) }));
    if (!answer.ok) return answer;
    const { hold } = answer.value;
    return hold?.state === HoldState.HELD ? ok(new Map(placesIn(hold).map(({ item_no, places }) => [item_no, places]))) : fail('HOLD_EXPIRED');
  };
}

/** Without a notification service nobody is told; the standby says it all the same. */
export function upgradeNoticesOver(client: ServiceClient<typeof NotificationService> | undefined): UpgradeNotices {
  if (client === undefined) return { due: async () => ok(), passed: async () => ok(), ended: async () => ok() };
  const send = async (templateId: string, key: string, { account_id, upgrade: { order_id } }: UpgradeStandby, parameters: Record<string, string>) => {
    const message = { messageKey: `${templateId}:${key}`, accountId: String(account_id), templateId, parameters: { ...parameters, order: order_id }, orderId: order_id };
    return mapResult(await ask(client.sendMessage(message, own(SEND_MS))), () => undefined);
  };
  return {
    due: (standby, change) => send('UPGRADE_DUE', String(change.change_id), standby, { ...wordsOf(change), amount: formatFen(BigInt(differenceOf(change.items))), pay_until: timeOf(change.pay_expire_ms ?? change.create_ms) }),
    passed: (standby, { departure_ms }) => send('UPGRADE_PASSED', `${standby.standby_id}-${standby.match_no}`, standby, { departure: timeOf(departure_ms), ...whyOf(standby) }),
    ended: (standby) => send('UPGRADE_ENDED', String(standby.standby_id), standby, whyOf(standby)),
  };
}

/** `03-05 14:20` */
function timeOf(time_ms: number): string {
  return formatRfc3339(time_ms).slice(5, 16).replace('T', ' ');
}

function whyOf({ reason }: UpgradeStandby): Record<string, string> {
  const known = isErrorReason(reason) ? ERRORS[reason] : ERRORS.SOLD_OUT;
  return { reason_zh: known.message_zh, reason_en: known.message_en };
}
