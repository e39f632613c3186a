// What operators do to buckets and between stores: close, rebuild, compare.
import type { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fieldInvalid } from '#kit/base/result.ts';
import type { Call } from '#kit/rpc/call.ts';
import { unwrap } from '#kit/rpc/error.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import type { OperatorAct } from '../app/ports.ts';
import { reconcile, type ReconcileParts } from '../app/reconcile.ts';

type Methods = Pick<Handlers<typeof InventoryService>, 'closeBuckets' | 'rebuildBuckets' | 'reconcile'>;

export function bucketMethods(parts: ReconcileParts & { bucket_count: number }): Methods {
  return {
    async closeBuckets({ buckets, reason }, call) {
      if (buckets.length === 0) unwrap(fieldInvalid('buckets', 'at least one'));
      await parts.buckets.close(knownBuckets(buckets, parts.bucket_count), actOf(call, reason));
      return {};
    },
    async rebuildBuckets({ buckets }, call) {
      const done = buckets.length === 0 ? await parts.buckets.repairAll(parts.buckets.all, { force: true }) : await parts.buckets.reopen(knownBuckets(buckets, parts.bucket_count), actOf(call, ''));
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
  };
}

/** In order, each once; FIELD_INVALID when one is none. */
export function knownBuckets(buckets: readonly number[], count: number): number[] {
  if (buckets.some((bucket) => bucket >= count)) unwrap(fieldInvalid('buckets', `below ${count}`));
  return [...new Set(buckets)].toSorted((left, right) => left - right);
}

/** Who closes or reopens buckets: an operator, or a service for one. */
function actOf({ account, caller, request_id }: Call, reason: string): OperatorAct {
  const service = caller.kind === 'service' ? caller.service : 'inventory';
  return { account_id: account?.account_id ?? '', service, request_id: request_id ?? '', reason };
}
