import type { InventoryService, QuotaRemaining as QuotaMessage, RunRemaining as Message } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { SeatClass } from '../../../timetable/model.ts';
import type { RemainingSource } from '../app/follow_remaining.ts';
import type { QuotaCounts } from '../domain/buyer.ts';
import { PackedCounts } from '../domain/packed_counts.ts';
import type { RunRemaining } from '../domain/remaining.ts';
import { channelOf, passengerTypeOf, seatClassOf } from './words.ts';

/** Remaining as inventory streams it. Digests come each second once the snapshot is through. */
export function remainingFrom(client: ServiceClient<typeof InventoryService>): RemainingSource {
  return {
    async *watch(signal, buckets = []) {
      for await (const { runs, snapshotCompleteBuckets, digests } of client.watchRemaining({ buckets: [...buckets] }, { signal, timeout_ms: Infinity })) {
        yield { runs: runs.map(remainingOf), complete_buckets: snapshotCompleteBuckets, digests };
      }
    },
  };
}

function remainingOf({ runId, bucket, epoch, version, open, classes }: Message): RunRemaining {
  const lists: { seat_class: SeatClass; counts: number[] }[] = [];
  const quotas = new Map<SeatClass, QuotaCounts[]>();
  for (const { seatClass, remaining, quotas: own } of classes) {
    const seat_class = seatClassOf(seatClass);
    if (seat_class === undefined) continue;
    lists.push({ seat_class, counts: remaining });
    const counts = own.flatMap((quota) => countsOf(quota) ?? []);
    if (counts.length > 0) quotas.set(seat_class, counts);
  }
  return { run_id: runId, bucket, epoch, version, open, classes: new PackedCounts(lists), ...(quotas.size === 0 ? {} : { quotas }) };
}

/** Undefined for channels and types of a newer contract: nobody here could be one of them. */
function countsOf({ channel, passengerType, remaining }: QuotaMessage): QuotaCounts | undefined {
  const word = channelOf(channel);
  const type = passengerTypeOf(passengerType);
  if ((word === undefined && channel !== 0) || (type === undefined && passengerType !== 0)) return undefined;
  return { channel: word, passenger_type: type, counts: new Uint16Array(remaining) };
}
