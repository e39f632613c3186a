import { useEffect, useEffectEvent, useState } from 'react';
import type { TrainRun } from '#gen/rail/query/v1/query_pb.ts';
import { useApi } from '../../app/api_context.ts';

/** Trains by run id, as they become known. One that cannot be had is left out: pages show what its id says. */
export function useRuns(run_ids: readonly string[]): ReadonlyMap<string, TrainRun> {
  const { query } = useApi();
  const [known, setKnown] = useState<ReadonlyMap<string, TrainRun>>(new Map());
  const wanted = [...new Set(run_ids)].join(' ');
  const missing = useEffectEvent(() => run_ids.filter((run_id, index) => !known.has(run_id) && run_ids.indexOf(run_id) === index));
  useEffect(() => {
    const abort = new AbortController();
    const read = async (runId: string): Promise<void> => {
      try {
        const { run } = await query.getTrainRun({ runId }, { signal: abort.signal });
        if (run !== undefined) setKnown((before) => new Map(before).set(runId, run));
      } catch {
        // The place in the queue and the odds are what the page is for; they are shown without the times.
      }
    };
    for (const run_id of missing()) void read(run_id);
    return () => abort.abort();
  }, [wanted, query]);
  return known;
}
