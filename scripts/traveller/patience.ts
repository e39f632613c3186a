/** How a polite client asks again: after the time it was told, for as long as a person would wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf, retryAfterMs } from './api.ts';

const WITHIN_MS = 180_000;
const PAUSE_MS = 300;

export type Patience = {
  /** How long to go on asking. */
  within_ms?: number;
  /** Called when the access token is not taken any more; the call is repeated once it has brought another. */
  renew?: () => Promise<void>;
  /** Told of each refusal that is waited out. */
  tell?: (error: unknown) => void;
};

/**
 * Repeats a call that was refused for now (throttled, overloaded, unavailable) or whose answer was lost. Only for calls
 * that are safe to repeat: reads, and writes with one request id.
 */
export async function patiently<T>(call: () => Promise<T>, { within_ms = WITHIN_MS, renew, tell }: Patience = {}): Promise<T> {
  const until_ms = performance.now() + within_ms;
  let renewed = false;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const passing = isPassing(error);
      const renewable = renew !== undefined && !renewed && error instanceof ConnectError && error.code === Code.Unauthenticated;
      if (performance.now() > until_ms || !(passing || renewable)) throw error;
      tell?.(error);
      if (renewable) {
        await renew();
        renewed = true;
        continue;
      }
      renewed = false;
      await sleep((retryAfterMs(error) ?? PAUSE_MS) + Math.random() * PAUSE_MS);
    }
  }
}

const PASSING = new Set([Code.Unavailable, Code.ResourceExhausted, Code.DeadlineExceeded, Code.Aborted, Code.Internal, Code.Unknown, Code.Canceled]);

/** ABORTED asks for a retry of the whole, not of the same call: what was read before is out of date. */
const NEEDS_ANOTHER_LOOK = new Set(['VERSION_STALE', 'QUOTE_STALE']);

/** What may be otherwise a moment later. What is no refusal of the product (a socket that was reset) is passing, too. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof ConnectError)) return true;
  return PASSING.has(error.code) && !NEEDS_ANOTHER_LOOK.has(reasonOf(error) ?? '');
}
