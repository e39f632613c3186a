import type { InventoryService, RunRemaining as Message } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { SeatClass } from '../../../timetable/model.ts';
import type { RemainingSource } from '../app/follow_remaining.ts';
import type { RunRemaining } from '../domain/remaining.ts';
import { seatClassOf } from './words.ts';

/** Remaining as inventory streams it, all buckets. Digests come each second once the snapshot is through. */
export function remainingFrom(client: ServiceClient<typeof InventoryService>): RemainingSource {
  return {
    async *watch(signal) {
      for await (const { runs, snapshotCompleteBuckets, digests } of client.watchRemaining({}, { signal, timeout_ms: Infinity })) {
        yield { runs: runs.map(remainingOf), complete_buckets: snapshotCompleteBuckets, live: digests.length > 0 };
      }
    },
  };
}

/** 16 bits a number: no train has more places. The whole country in tens of megabytes instead of hundreds. */
function remainingOf({ runId, bucket, epoch, version, open, classes }: Message): RunRemaining {
  const known = new Map<SeatClass, Uint16Array>();
  for (const { seatClass, remaining } of classes) {
    const word = seatClassOf(seatClass);
    if (word !== undefined) known.set(word, Uint16Array.from(remaining));
  }
  return { run_id: runId, bucket, epoch, version, open, classes: known };
}
