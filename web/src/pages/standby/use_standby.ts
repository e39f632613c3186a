import { useState } from 'react';
import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { ApiError } from '../../api/errors.ts';
import { useApi } from '../../app/api_context.ts';
import { useWatch } from '../../app/use_watch.ts';
import { isOver } from './progress.ts';

export type WatchedStandby = { standby?: Standby; error?: ApiError; live?: boolean; /** Watches anew. */ again: () => void };

/** A standby as it changes, with place and odds. The last one stays in sight while it is asked for anew. */
export function useWatchedStandby(standby_id: string): WatchedStandby {
  const { standby } = useApi();
  const [turn, setTurn] = useState(0);
  const [shown, setShown] = useState<Standby>();
  const { value, error, live } = useWatch(`standby ${standby_id} ${turn}`, {
    async *open(signal) {
      for await (const answer of standby.watchStandby({ standbyId: standby_id }, { signal, timeoutMs: 0 })) if (answer.standby !== undefined) yield answer.standby;
    },
    poll: async (signal) => {
      const answer = await standby.getStandby({ standbyId: standby_id }, { signal });
      if (answer.standby === undefined) throw new Error('an answer without standby');
      return answer.standby;
    },
    isFinal: isOver,
  });
  if (value !== undefined && value !== shown) setShown(value);
  return { standby: value ?? shown, error, live, again: () => setTurn(turn + 1) };
}
