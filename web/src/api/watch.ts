import { isTransient, readError } from './errors.ts';

export type WatchParts<T> = {
  /** Opens the stream; called anew after each break, so it can use the newest token. */
  open: (signal: AbortSignal) => AsyncIterable<T>;
  /** Asks once. */
  poll: (signal: AbortSignal) => Promise<T>;
  /** Nothing comes after such a value. */
  isFinal: (value: T) => boolean;
  signal: AbortSignal;
  /** Waits, shorter when the network comes back; rejects when the signal fires. */
  pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Told whether the answers come live. */
  onLive?: (live: boolean) => void;
};

/**
 * Values as they change: from a stream while it lasts, by asking while it does not, and from a new stream after a few
 * answers. Ends with a final value; throws for errors that asking again will not cure.
 */
export async function* watch<T>(parts: WatchParts<T>): AsyncGenerator<T, void> {
  const { signal, pause = pauseUntilOnline } = parts;
  let failures = 0;
  while (!signal.aborted) {
    for await (const value of streamed(parts)) {
      failures = 0;
      yield value;
      if (parts.isFinal(value)) return;
    }
    for (let polls = 0; polls < POLLS_BEFORE_STREAM && !signal.aborted; polls += 1) {
      try {
        const value = await parts.poll(signal);
        failures = 0;
        yield value;
        if (parts.isFinal(value)) return;
        await pause(POLL_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        const { retry_after_ms } = requireTransient(error);
        failures += 1;
        await pause(Math.max(retry_after_ms ?? 0, Math.min(POLL_MS * 2 ** failures, POLL_MAX_MS)), signal);
      }
    }
  }
}

/** The stream's values until it ends, breaks or falls silent; only what asking again will not cure is thrown. */
async function* streamed<T>({ open, signal, onLive }: WatchParts<T>): AsyncGenerator<T, void> {
  const own = new AbortController();
  const stop = (): void => own.abort();
  signal.addEventListener('abort', stop, { once: true });
  let silence = setTimeout(stop, SILENCE_MS);
  try {
    for await (const value of open(own.signal)) {
      clearTimeout(silence);
      onLive?.(true);
      yield value;
      silence = setTimeout(stop, SILENCE_MS);
    }
  } catch (error) {
    // Signed out may only mean that the token has expired: the call that follows renews it, or says so again.
    if (!own.signal.aborted && readError(error).kind !== 'signed_out') requireTransient(error);
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', stop);
    own.abort();
    onLive?.(false);
  }
}

function requireTransient(error: unknown): { retry_after_ms?: number } {
  const read = readError(error);
  if (!isTransient(read) && read.kind !== 'cancelled') throw error;
  return read;
}

function pauseUntilOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      removeEventListener('online', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener('online', done);
    signal.addEventListener('abort', done);
  });
}

const POLL_MS = 2_000;
const POLL_MAX_MS = 30_000;
const POLLS_BEFORE_STREAM = 5;
/** A stream may be quiet when nothing changes; after this long it is checked by asking. */
const SILENCE_MS = 30_000;
