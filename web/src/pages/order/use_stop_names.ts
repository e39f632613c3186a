import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';

/** An item of an order, or a ticket. */
type Seated = { seatParts: readonly unknown[]; journey?: Journey };

/** Names of the stops of a train by index, asked for only when somebody changes seats. Empty until they are known. */
export function useStopNames(items: readonly Seated[]): ReadonlyMap<number, string> {
  const { query } = useApi();
  const run_id = items.find(({ seatParts }) => seatParts.length > 1)?.journey?.runId ?? '';
  const { value } = useLoad(`stops ${run_id}`, async (signal) => {
    if (run_id === '') return new Map<number, string>();
    const { run } = await query.getTrainRun({ runId: run_id }, { signal });
    return new Map(run?.stops.map(({ index, station }) => [index, station?.nameZh ?? '']));
  });
  return value ?? new Map<number, string>();
}
