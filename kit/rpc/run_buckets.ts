import type { GetRunStatesResponse_RunState as RunState, InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { ServiceClient } from './client.ts';
import { own } from './peer.ts';

export type RunBuckets = {
  /** The route key of a call that names the run; asked for once. Undefined while inventory does not tell it. */
  keyOf(run_id: string): Promise<string | undefined>;
  /** What an answer of GetRunStates says on the way. */
  note(states: readonly Pick<RunState, 'runId' | 'bucket'>[]): void;
};

/** Runs whose bucket is remembered; beyond it they are asked for anew. */
const REMEMBERED = 50_000;
/** Affinity is for speed only: not worth a longer wait. */
const ASK_MS = 300;

/**
 * Buckets of runs, for the callers of inventory: calls of a bucket meet in one of its processes, which commits them
 * together (docs/adr/0013). A bucket is fixed when its run is opened, so what was learned once stays true.
 */
export function runBuckets(client: Pick<ServiceClient<typeof InventoryService>, 'getRunStates'>): RunBuckets {
  const known = new Map<string, string>();
  const asking = new Map<string, Promise<void>>();

  function note(states: readonly Pick<RunState, 'runId' | 'bucket'>[]): void {
    if (known.size > REMEMBERED) known.clear();
    for (const { runId, bucket } of states) known.set(runId, String(bucket));
  }
  async function learn(run_id: string): Promise<void> {
    // Inventory that can't tell now is asked by the call itself, whichever process that meets.
    await client.getRunStates({ runIds: [run_id] }, own(ASK_MS)).then(({ states }) => note(states), () => undefined);
  }
  return {
    note,
    async keyOf(run_id) {
      if (!known.has(run_id)) {
        const asked = asking.get(run_id) ?? learn(run_id).finally(() => asking.delete(run_id));
        asking.set(run_id, asked);
        await asked;
      }
      return known.get(run_id);
    },
  };
}
