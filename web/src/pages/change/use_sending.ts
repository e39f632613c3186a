import { useEffect, useEffectEvent, useState } from 'react';
import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import { readError } from '../../api/errors.ts';
import type { ApiError } from '../../api/errors.ts';
import { useApi } from '../../app/api_context.ts';
import { afterError, forgetSent, readSent, saveSent, toCreateChange } from './sent_change.ts';
import type { SentChange } from './sent_change.ts';

export type Sending = {
  /** What is being asked for; undefined when nothing is. */
  sent: SentChange | undefined;
  /** Why the newest try has no answer. */
  error?: ApiError;
  /** The person is to say when it is asked again. */
  waits: boolean;
  /** What the service refused last: nothing was done. */
  refused?: { sent: SentChange; error: ApiError };
  send: (sent: SentChange) => void;
  askAgain: () => void;
  /** The refusal has been read. */
  clearRefused: () => void;
};

type Outcome = { accepted: (change: Change) => void; refused: (sent: SentChange) => void };

/**
 * Asks for a change until it is known what became of it: always with the request that was kept first, so that neither a double
 * click nor a reload nor a lost answer makes two.
 */
export function useSending(order_id: string, outcome: Outcome): Sending {
  const { change: changes } = useApi();
  const [sent, setSent] = useState(() => readSent(sessionStorage, order_id));
  const [state, setState] = useState<State>({ tries: 1 });
  const { tries, error, ask_in_ms, refused } = state;
  const ask = useEffectEvent((asked: SentChange, signal: AbortSignal) => changes.createChange(toCreateChange(asked), { signal }));
  const accept = useEffectEvent((change: Change) => {
    forgetSent(sessionStorage, order_id);
    outcome.accepted(change);
  });
  const learn = useEffectEvent((asked: SentChange, why: ApiError) => {
    const after = afterError(why, tries);
    if (after.kind !== 'refused') return setState({ tries, error: why, ask_in_ms: after.kind === 'ask' ? after.in_ms : undefined });
    forgetSent(sessionStorage, order_id);
    setSent(undefined);
    setState({ tries: 1, refused: { sent: asked, error: why } });
    outcome.refused(asked);
  });
  useEffect(() => {
    if (sent === undefined) return;
    const abort = new AbortController();
    const work = async (): Promise<void> => {
      try {
        const { change } = await ask(sent, abort.signal);
        if (change === undefined) throw new Error('an answer without change');
        if (!abort.signal.aborted) accept(change);
      } catch (thrown) {
        if (!abort.signal.aborted) learn(sent, readError(thrown));
      }
    };
    void work();
    return () => abort.abort();
  }, [sent, tries]);
  const askAgain = (): void => setState((before) => ({ tries: before.tries + 1 }));
  useEffect(() => {
    if (ask_in_ms === undefined) return;
    const timer = setTimeout(() => setState({ tries: tries + 1 }), ask_in_ms);
    return () => clearTimeout(timer);
  }, [ask_in_ms, tries]);
  const send = (wanted: SentChange): void => {
    if (sent !== undefined) return;
    saveSent(sessionStorage, wanted);
    setState({ tries: 1 });
    setSent(wanted);
  };
  const clearRefused = (): void => setState((before) => ({ ...before, refused: undefined }));
  return { sent, error, refused, send, askAgain, clearRefused, waits: error !== undefined && ask_in_ms === undefined };
}

type State = { tries: number; error?: ApiError; ask_in_ms?: number; refused?: Sending['refused'] };
