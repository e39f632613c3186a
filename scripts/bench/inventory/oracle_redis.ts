/** What Redis has as taken. Its format is the service's business, so it is read through the service's own port. */
import type { RunHeader } from '../../../services/inventory/domain/run.ts';
import { occupiedMask } from '../../../services/inventory/domain/bitmap.ts';
import type { SeatStore } from '../../../services/inventory/app/ports.ts';
import { BUCKETS, SEATS_OF_RUN_CLASS } from './mix.ts';
import type { Taken } from './oracle_rules.ts';

export type TakenInRedis = { taken: Taken; records: ReadonlySet<string> };

export async function epochsInRedis(seats: SeatStore): Promise<number[]> {
  const states = await seats.bucketStates(Array.from({ length: BUCKETS }, (_, bucket) => bucket));
  return states.map((state) => (state === undefined || state === 'AWAY' ? 0 : state.epoch));
}

/** By run id. Throws when a run is not there: then Redis is not at rest. */
export async function takenInRedis(seats: SeatStore, epochs: readonly number[], runs: readonly RunHeader[]): Promise<Map<string, TakenInRedis>> {
  const replies = await seats.snapshots(runs.map((run) => ({ run, epoch: epochs[run.bucket]! })), { records: true });
  return new Map(replies.map((reply, index) => {
    const run = runs[index]!;
    if (reply.status !== 'OK') throw new Error(`run ${run.run_id} is ${reply.status} in Redis`);
    const bits = reply.snapshot.classes.get(SEATS_OF_RUN_CLASS)!;
    const taken = new Map(Array.from({ length: bits.seats }, (_, seat) => [seat, occupiedMask(bits, seat)] as const).filter(([, mask]) => mask !== 0n));
    return [run.run_id, { taken, records: new Set(reply.snapshot.records.map(({ hold_id }) => hold_id)) }];
  }));
}
