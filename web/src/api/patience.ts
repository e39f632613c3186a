import type { Interceptor } from '@connectrpc/connect';
import { readError } from './errors.ts';

/**
 * Asks again by itself when the limits at the edge refused a call and a short wait will do. A refused call had no effect, so
 * repeating it is safe, writes too. Longer waits and other reasons are for the person to hear about (ErrorNotice.tsx).
 */
export function patienceInterceptor(pause: (ms: number, signal: AbortSignal) => Promise<void> = wait, random: () => number = Math.random): Interceptor {
  return (next) => async (request) => {
    let waited_ms = 0;
    for (;;) {
      try {
        return await next(request);
      } catch (error) {
        const { kind, reason, retry_after_ms = Number.POSITIVE_INFINITY } = readError(error);
        const by_limits = kind === 'throttled' && (reason === undefined || reason === 'THROTTLED');
        // Calls that were refused together do not come back together.
        const wait_ms = Math.max(WAIT_MIN_MS, retry_after_ms) + random() * SPREAD_MS;
        if (request.stream || !by_limits || waited_ms + wait_ms > WAIT_MAX_MS) throw error;
        waited_ms += wait_ms;
        await pause(wait_ms, request.signal);
      }
    }
  };
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** What a person takes for slow, not for broken: all waits of one call together. */
const WAIT_MAX_MS = 5_000;
/** A limit that names no wait worth the name is not asked in a circle. */
const WAIT_MIN_MS = 200;
const SPREAD_MS = 400;
