import { MAX_REFUND_ATTEMPTS } from '../domain/refund.ts';
import type { Gateway, Refund, RefundStore } from './ports.ts';

const POLL_MS = 2000;

/**
 * One step of a refund. From the second try on the gateway is asked before it is told again; after the last try people
 * are alarmed. Throws when it should be tried again with a growing pause.
 */
export async function driveRefund({ store, gateway }: { store: RefundStore; gateway: Gateway }, refund_id: string, attempts: number, signal?: AbortSignal): Promise<{ again_in_ms: number } | undefined> {
  const refund = await store.find(refund_id);
  if (refund === undefined || refund.state === 'SUCCEEDED' || refund.state === 'MANUAL') return undefined;
  const answer = await ask(gateway, refund, attempts, signal);
  if (answer.ok && answer.value.state === 'SUCCEEDED') {
    await store.succeed(refund_id);
    return undefined;
  }
  if (answer.ok) {
    await store.markProcessing(refund_id);
    return { again_in_ms: POLL_MS };
  }
  if (answer.problem === 'refused' || attempts + 1 >= MAX_REFUND_ATTEMPTS) {
    await store.giveUp(refund_id, answer.detail);
    return undefined;
  }
  throw new Error(`the gateway did not take the refund: ${answer.detail}`);
}

async function ask(gateway: Gateway, refund: Refund, attempts: number, signal: AbortSignal | undefined) {
  if (attempts > 0 || refund.state === 'PROCESSING') {
    const known = await gateway.findRefund(refund.refund_id, signal);
    if (known.ok || known.problem !== 'unknown') return known;
  }
  return gateway.refund(refund, signal);
}
