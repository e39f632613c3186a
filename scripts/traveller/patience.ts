/** How a polite client asks again: after the time it was told, a bounded number of times. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { retryAfterMs } from './api.ts';

const TRIES = 60;
const PAUSE_MS = 300;

/**
 * Repeats a call that was refused for now (throttled, overloaded, unavailable) or whose answer was lost. Only for calls
 * that are safe to repeat: reads, and writes with one request id.
 */
export async function patiently<T>(call: () => Promise<T>, tries = TRIES): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await call();
    } catch (error) {
      if (tried >= tries || !isPassing(error)) throw error;
      await sleep((retryAfterMs(error) ?? PAUSE_MS) + Math.random() * PAUSE_MS);
    }
  }
}

const PASSING = new Set([Code.Unavailable, Code.ResourceExhausted, Code.DeadlineExceeded, Code.Aborted, Code.Internal, Code.Unknown, Code.Canceled]);

function isPassing(error: unknown): boolean {
  return !(error instanceof ConnectError) || PASSING.has(error.code);
}
