import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useWatch } from '../../app/use_watch.ts';
import type { Watched } from '../../app/use_watch.ts';
import { isOver } from './progress.ts';

/** The standbys of an order's tickets, the newest first, as they go on; where all are over nothing is asked again. Another `turn` asks at once. */
export function useUpgrades(order_id: string, turn = 0): Watched<Standby[]> {
  const { standby } = useApi();
  return useWatch(`upgrades ${order_id} ${turn}`, {
    open: noStream,
    poll: async (signal) => (await standby.listStandbys({ upgradeOfOrderId: order_id, pageSize: PAGE_SIZE }, { signal })).standbys,
    isFinal: (standbys) => standbys.every(isOver),
  });
}

/** A list has no stream of its own: it is asked for. */
async function* noStream(): AsyncGenerator<never, void> {}

const PAGE_SIZE = 20;
