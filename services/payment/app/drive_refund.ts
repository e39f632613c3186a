import { MAX_TRIES } from '../domain/refund.ts';
import type { DeadLetters, Gateway, Refund, RefundStore } from './ports.ts';

export type DriveRefundDeps = { store: RefundStore; gateway: Gateway; letters: DeadLetters };

const POLL_MS = 2000;

/**
 * One step of a refund. A gateway that may have heard of it, in this process or one that died, is asked before it is told
 * again. After the last try, or one word of refusal, it is a dead letter for people. Throws when it should be tried again
 * with a growing pause.
 */
export async function driveRefund(deps: DriveRefundDeps, refund_id: string, attempts: number, signal?: AbortSignal): Promise<{ again_in_ms: number } | undefined> {
  const { store, letters } = deps;
  const refund = await store.find(refund_id);
  if (refund === undefined || refund.state === 'SUCCEEDED' || refund.state === 'MANUAL') return undefined;
  const answer = await tell(deps, refund, attempts, signal);
  if (answer.ok && answer.value.state === 'SUCCEEDED') {
    await store.succeed(refund_id);
    return undefined;
  }
  if (answer.ok) return { again_in_ms: POLL_MS };
  if (answer.problem === 'refused' || attempts + 1 >= MAX_TRIES) {
    // The letter comes first: a crash in between writes a second one, and never loses it.
    await letters.putRefund(refund, answer.detail, attempts + 1);
    await store.giveUp(refund_id, answer.detail);
    return undefined;
  }
  throw new Error(`the gateway did not take the refund: ${answer.detail}`);
}

async function tell({ store, gateway }: DriveRefundDeps, refund: Refund, attempts: number, signal: AbortSignal | undefined) {
  if (attempts > 0 || refund.state === 'PROCESSING') {
    const known = await gateway.findRefund(refund, signal);
    if (known.ok || known.problem !== 'unknown') return known;
  }
  await store.markProcessing(refund.refund_id);
  return gateway.refund(refund, signal);
}
