import { fromJson, toJson } from '@bufbuild/protobuf';
import type { JsonValue } from '@bufbuild/protobuf';
import { JourneySchema } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { isSharedComputer } from '../../api/refresh_token_store.ts';

/** A place in the queue. The token is bound to the account; the moment of submitting tells one pass from another. */
export type QueuePass = { token: string; journey: Journey | undefined; submit_ms: number; first_ahead: number; back: string };

/** What one tab keeps, and what all tabs of the browser share. */
export type PassStores = { tab: Storage; browser: Storage };

/**
 * Keeps a pass: the tab's own survives a reload, and the newest of all tabs is there for a tab that has none, so that
 * whoever closed the page finds the place again. A shared computer remembers nothing beyond the tab.
 */
export function saveQueuePass({ tab, browser }: PassStores, pass: QueuePass): void {
  const journey = pass.journey === undefined ? undefined : toJson(JourneySchema, pass.journey);
  const written = JSON.stringify({ ...pass, journey });
  tab.setItem(KEY, written);
  const newest_ms = readFrom(browser)?.submit_ms ?? 0;
  if (!isSharedComputer(tab) && pass.submit_ms >= newest_ms) browser.setItem(KEY, written);
}

/** Undefined when there is none or it cannot be read. */
export function readQueuePass({ tab, browser }: PassStores): QueuePass | undefined {
  return readFrom(tab) ?? (isSharedComputer(tab) ? undefined : readFrom(browser));
}

/** Forgets a pass that is good for nothing any more; another tab's newer one stays. */
export function dropQueuePass({ tab, browser }: PassStores, { submit_ms }: QueuePass): void {
  for (const store of [tab, browser]) if (readFrom(store)?.submit_ms === submit_ms) store.removeItem(KEY);
}

/** Whoever signs out leaves no pass behind for the next. */
export function dropEveryQueuePass({ tab, browser }: PassStores): void {
  for (const store of [tab, browser]) store.removeItem(KEY);
}

function readFrom(store: Storage): QueuePass | undefined {
  const stored = store.getItem(KEY);
  if (stored === null) return undefined;
  try {
    const { token, journey, submit_ms, first_ahead, back } = JSON.parse(stored) as Omit<QueuePass, 'journey'> & { journey?: JsonValue };
    return { token, submit_ms, first_ahead, back, journey: journey === undefined ? undefined : fromJson(JourneySchema, journey) };
  } catch {
    store.removeItem(KEY);
    return undefined;
  }
}

const KEY = 'chunyun.queue';
