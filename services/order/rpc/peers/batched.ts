/** Calls of many orders that go to a peer as one. */
import { errorSpec, type CodeName } from '#kit/base/errors.ts';
import type { Result } from '#kit/base/result.ts';
import { systemTimers } from '#kit/base/timers.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { ask } from '#kit/rpc/peer.ts';
import { company } from '#kit/run/company.ts';

/** How long an order waits for company at a step: nobody waits for an answer then, and each call more costs as much as all of its orders' rows. */
const COMPANY_MS = 30;
const BATCHES_MAX = 4;
/** More than the orders under way of a process; beyond it they are tried again later. */
const WAITING_MAX = 20_000;

export type Batched<Wish, T> = {
  /** One outcome for each wish, in order. Throws RpcError when the call as a whole failed. */
  together: (wishes: readonly Wish[]) => Promise<readonly Result<T>[]>;
  alone: (wish: Wish) => Promise<Result<T>>;
  /** As the peer's contract says. */
  size_max: number;
};

/**
 * Collates calls that come within a short time. An outage is everybody's refusal. When a batch is refused as a whole for
 * another reason, each is asked for alone: one that can't be answered must not fail the others, and a peer of an older
 * version does not know the method.
 */
export function batched<Wish, T>({ together, alone, size_max }: Batched<Wish, T>): (wish: Wish) => Promise<Result<T>> {
  const calls = company<Wish, Result<T> | Error>({
    wait_ms: COMPANY_MS,
    together_max: size_max,
    batches_max: BATCHES_MAX,
    waiting_max: WAITING_MAX,
    timers: systemTimers,
    async run(wishes) {
      const answer = await ask(together(wishes)).catch((error: unknown) => {
        if (error instanceof RpcError) return undefined;
        throw error;
      });
      if (answer?.ok === true) return answer.value;
      if (answer !== undefined && OUTAGE.has(errorSpec(answer.error.reason).code)) return wishes.map(() => answer);
      return Promise.all(wishes.map((wish) => alone(wish).catch(asError)));
    },
  });
  return async (wish) => {
    const outcome = await calls.join(wish);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

const OUTAGE: ReadonlySet<CodeName> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'CANCELLED']);
