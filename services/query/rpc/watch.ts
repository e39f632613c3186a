import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '#kit/base/clock.ts';
import type { SearchAnswer } from '../app/search_trains.ts';
import type { Offer } from '../domain/offer.ts';
import type { RemainingTable } from '../domain/remaining.ts';

/** Changes that come faster than this are joined. */
const COALESCE_MS = 250;

type WatchDeps<M> = { remaining: RemainingTable; clock: Clock; search: () => SearchAnswer; message: (offer: Offer) => M };

/** The page once, then its offers as their numbers change. One timer a watcher, nothing is queued for a slow one. */
export async function* changedOffers<M>({ remaining, clock, search, message }: WatchDeps<M>, signal: AbortSignal) {
  let shown = new Map<string, bigint>();
  let dirty = true;
  let wake = (): void => undefined;
  const stop = remaining.onChange((run_id) => {
    if (!shown.has(run_id)) return;
    dirty = true;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      if (dirty) {
        dirty = false;
        const { offers } = search();
        const changed = offers.filter((offer) => shown.get(offer.run.run_id) !== offer.version);
        shown = new Map(offers.map((offer) => [offer.run.run_id, offer.version]));
        if (changed.length > 0) yield { offers: changed.map(message), asOf: timestampFromMs(clock.now_ms()) };
        await pause(COALESCE_MS, signal);
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    stop();
    signal.removeEventListener('abort', onAbort);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
