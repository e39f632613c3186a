import { SeatConflictKind, type InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fieldInvalid } from '#kit/base/result.ts';
import { isServiceDate } from '#kit/base/time.ts';
import type { Call } from '#kit/rpc/call.ts';
import { unwrap } from '#kit/rpc/error.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import { closeRun } from '../app/close_run.ts';
import { openRuns, type Opening } from '../app/open_runs.ts';
import type { OperatorAct, TimetableSource } from '../app/ports.ts';
import { reconcile, type ReconcileParts } from '../app/reconcile.ts';
import { getRunQuotas, setRunQuotas } from '../app/run_quotas.ts';
import { quotaFromMessage, quotaMessage } from '../wire/quota_message.ts';
import { seatConflicts, type SeatConflict } from '../app/seat_conflicts.ts';
import { seatMessage } from '../wire/seat_message.ts';
import { checkBuckets } from './bucket_numbers.ts';

type OperatorMethods = Pick<Handlers<typeof InventoryService>, 'openRuns' | 'setRunQuotas' | 'getRunQuotas' | 'closeBuckets' | 'rebuildBuckets' | 'reconcile' | 'closeRun' | 'listSeatConflicts'>;

/** What operators and their jobs do with runs and buckets. */
export function operatorMethods(parts: ReconcileParts & Opening & { timetable: TimetableSource }): OperatorMethods {
  return {
    async openRuns({ serviceDate: service_date, runIds: run_ids }) {
      if (!isServiceDate(service_date)) unwrap(fieldInvalid('service_date', 'YYYY-MM-DD'));
      const { opened, already_open, refused } = await openRuns(parts, parts.timetable, parts, { service_date, run_ids });
      return { opened, alreadyOpen: already_open, refused };
    },
    async setRunQuotas({ requestId: request_id, runId: run_id, quotas }, call) {
      const wanted = quotas.map((quota) => unwrap(quotaFromMessage(quota)));
      const set = unwrap(await setRunQuotas(parts, { run_id, quotas: wanted, actor: call.account?.account_id ?? '', request_id }));
      return { quotas: set.map((quota) => quotaMessage(quota, parts.clock.now_ms())) };
    },
    async getRunQuotas({ runId }) {
      const quotas = unwrap(await getRunQuotas(parts, runId));
      return { quotas: quotas.map((quota) => quotaMessage(quota, parts.clock.now_ms())) };
    },
    async closeBuckets({ buckets, reason }, call) {
      if (buckets.length === 0) unwrap(fieldInvalid('buckets', 'at least one'));
      await parts.buckets.close(checkBuckets(buckets, parts.bucket_count), actOf(call, reason));
      return {};
    },
    async rebuildBuckets({ buckets }, call) {
      const done = buckets.length === 0 ? await parts.buckets.repairAll(parts.buckets.all, { force: true }) : await parts.buckets.reopen(checkBuckets(buckets, parts.bucket_count), actOf(call, ''));
      return { buckets: done.buckets, runs: done.runs, holds: BigInt(done.holds) };
    },
    async reconcile({ runIds: run_ids, dryRun: dry_run }) {
      const { runs_checked, differences, omitted } = await reconcile(parts, { run_ids, dry_run });
      return {
        runsChecked: runs_checked,
        differencesOmitted: omitted,
        differences: differences.map(({ run_id, seat, hold_id, order_id, kind, repaired, explanation }) => ({ runId: run_id, seat, holdId: hold_id, orderId: order_id, kind, repaired, explanation })),
      };
    },
    async listSeatConflicts({ runId: run_id, pageSize: size, pageToken: token }) {
      const { conflicts, next } = unwrap(await seatConflicts(parts, { run_id, size, token }));
      return { conflicts: conflicts.map(conflictMessage), nextPageToken: next };
    },
    async closeRun({ runId: run_id, reason }) {
      unwrap(await closeRun(parts, { run_id, reason }));
      return {};
    },
  };
}

/** Who closes or reopens buckets: an operator, or a service for one. */
function actOf({ account, caller, request_id }: Call, reason: string): OperatorAct {
  const service = caller.kind === 'service' ? caller.service : 'inventory';
  return { account_id: account?.account_id ?? '', service, request_id: request_id ?? '', reason };
}

function conflictMessage({ run_id, kind, hold, place, seat }: SeatConflict) {
  return {
    runId: run_id, kind: SeatConflictKind[kind], holdId: hold.hold_id, orderId: hold.order_id, itemId: place.item_id, seat: seatMessage(seat),
    fromIndex: place.from, toIndex: place.to, sold: hold.state === 'SOLD',
  };
}
