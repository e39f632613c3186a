import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useWatch } from '../../app/use_watch.ts';
import type { Watched } from '../../app/use_watch.ts';
import { isSettled } from './progress.ts';

/** A change as it goes on. A new `turn` asks at once. */
export function useChange(change_id: string, turn: number): Watched<Change> {
  const { change } = useApi();
  return useWatch(`change ${change_id} ${turn}`, {
    open: noStream,
    poll: async (signal) => {
      const answer = await change.getChange({ changeId: change_id }, { signal });
      if (answer.change === undefined) throw new Error('an answer without change');
      return answer.change;
    },
    isFinal: isSettled,
  });
}

/** The changes of an order, the newest first, as they go on; `turn` differs when something of the order has. */
export function useChanges(order_id: string, turn: string): Watched<Change[]> {
  const { change } = useApi();
  return useWatch(`changes ${order_id} ${turn}`, {
    open: noStream,
    poll: async (signal) => (await change.listChanges({ orderId: order_id }, { signal })).changes.toReversed(),
    isFinal: (changes) => changes.every(isSettled),
  });
}

/** Changes have no stream of their own: they are asked for. */
async function* noStream(): AsyncGenerator<never, void> {}
