import type { Interceptor } from '@connectrpc/connect';
import { readError } from './errors.ts';

/**
 * Asks again by itself when the limits at the edge refused a call and a short wait will do. A refused call had no effect, so
 * repeating it is safe, writes too. Longer waits and other reasons are for the person to hear about (ErrorNotice.tsx).
 */
export function patienceInterceptor(pause: (ms: number, signal: AbortSignal) => Promise<void> = wait, random: () => number = Math.random): Interceptor {
  return (next) => async (request) => {
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await next(request);
      } catch (error) {
        const { kind, reason, retry_after_ms = Number.POSITIVE_INFINITY } = readError(error);
        const by_limits = kind === 'throttled' && (reason === undefined || reason === 'THROTTLED');
        if (request.stream || !by_limits || retry_after_ms > WAIT_MAX_MS || repeats >= REPEATS_MAX) throw error;
        // Calls that were refused together do not come back together.
        await pause(retry_after_ms + random() * SPREAD_MS, request.signal);
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

/** What a person takes for slow, not for broken. */
const WAIT_MAX_MS = 3_000;
const REPEATS_MAX = 2;
const SPREAD_MS = 400;
