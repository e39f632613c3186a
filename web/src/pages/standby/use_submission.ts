import { useEffect, useEffectEvent, useState } from 'react';
import { useNavigate } from 'react-router';
import type { CreateStandbyRequest } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { outcomeUnknown, readError } from '../../api/errors.ts';
import type { ApiError } from '../../api/errors.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { dropBasket } from './basket.ts';
import type { Basket } from './basket.ts';
import { dropPending, readPending, savePending, toRequest } from './pending.ts';

export type Submission = { /** Sent, and its outcome not known yet. */ open: boolean; busy: boolean; error?: ApiError; /** What was refused last, for `error`. */ refused?: CreateStandbyRequest; submit: (basket: Basket, deadline_ms: number) => void; again: () => void };

/**
 * Sends a request and leads to its page. Until its outcome is known it is the only one: a second click, a page that is
 * loaded again and another try repeat it with the same id. `order_id`: of whose tickets it is, where they are held already.
 */
export function useSubmission(order_id = ''): Submission {
  const { standby } = useApi();
  const navigate = useNavigate();
  const [open, setOpen] = useState(() => readPending(sessionStorage, order_id));
  const [refused, setRefused] = useState<CreateStandbyRequest>();
  const send = useAction(async (_request_id, request: CreateStandbyRequest) => {
    try {
      const answer = await standby.createStandby(request);
      dropPending(sessionStorage, order_id);
      dropBasket(sessionStorage, order_id);
      await navigate(`/standbys/${answer.standby?.standbyId ?? ''}`, { replace: true });
    } catch (error) {
      if (!outcomeUnknown(readError(error))) {
        dropPending(sessionStorage, order_id);
        setOpen(undefined);
        setRefused(request);
      }
      throw error;
    }
  });
  const resume = useEffectEvent(() => {
    if (open !== undefined) void send.run(open);
  });
  useEffect(() => resume(), []);
  return {
    open: open !== undefined,
    busy: send.busy,
    error: send.error,
    refused,
    submit(basket, deadline_ms) {
      // A second click may come before this page knows of the first.
      if (readPending(sessionStorage, order_id) !== undefined) return;
      const request = toRequest(uuid7(systemClock, systemRandom), basket, deadline_ms);
      savePending(sessionStorage, request);
      setOpen(request);
      void send.run(request);
    },
    again: resume,
  };
}
