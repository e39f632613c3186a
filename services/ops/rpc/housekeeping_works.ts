import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { parseRfc3339 } from '#kit/base/time.ts';
import { EVENT_BUCKETS, isStreamName, STREAM_OWNER } from '#kit/bus/streams.ts';
import type { JobWork } from '../app/ports.ts';
import type { Peers } from './peers.ts';

/** What ops keeps itself. */
export type OwnRecords = { archiveRequestIds(limit: number): Promise<{ archived: number; deleted: number }>; forgetRuns(limit: number): Promise<number> };

const BATCH = 2000;
const CALL_MS = 10_000;
/** Orders in one call, each with its items and its timeline. */
const ORDERS = 200;
const ORDERS_MS = 30_000;
/** Events of a stream are kept for seven days, in outboxes and in streams. */
const REPLAY_MS = 7 * 24 * 3_600_000;

/** Moves old answers of every service to its archive, batch by batch. A service that does not answer does not keep the others from it. */
export function archiveRequestIds({ housekeeping }: Pick<Peers, 'housekeeping'>, own: OwnRecords): JobWork {
  return async (_, progress, signal) => {
    const batches = new Map<string, () => Promise<{ archived: number; deleted: number }>>([['ops', () => own.archiveRequestIds(BATCH)]]);
    for (const [name, client] of housekeeping) batches.set(name, () => client.archiveRequestIds({ limit: BATCH }, { signal, timeout_ms: CALL_MS }));
    const report: Record<string, { archived: number; deleted: number; error?: string }> = {};
    for (const [index, [name, batch]] of [...batches].entries()) {
      const done: (typeof report)[string] = (report[name] = { archived: 0, deleted: 0 });
      try {
        for (let full = true; full; ) {
          signal.throwIfAborted();
          const { archived, deleted } = await batch();
          done.archived += archived;
          done.deleted += deleted;
          full = archived >= BATCH || deleted >= BATCH;
          await progress((index / batches.size) * 100, report);
        }
      } catch (error) {
        if (signal.aborted) throw error;
        done.error = error instanceof Error ? error.message : String(error);
      }
    }
    let forgotten = 0;
    for (let runs = BATCH; runs === BATCH; forgotten += runs) runs = await own.forgetRuns(BATCH);
    const failed = Object.keys(report).filter((name) => report[name]!.error !== undefined);
    if (failed.length > 0) throw new Error(`not archived: ${failed.map((name) => `${name} (${report[name]!.error})`).join(', ')}`);
    return { ...report, job_runs_forgotten: forgotten };
  };
}

/** Batch after batch until order has nothing left; order does not say how much there is, so the run tells what it has done. */
export function archiveOrders({ order }: Pick<Peers, 'order'>): JobWork {
  return async (_, progress, signal) => {
    const report = { orders: 0, entries: 0, days: 0, deleted: 0 };
    for (let full = true; full; ) {
      signal.throwIfAborted();
      const batch = await order.archiveOrders({ limit: ORDERS }, { signal, timeout_ms: ORDERS_MS });
      full = false;
      for (const kind of Object.keys(report) as (keyof typeof report)[]) {
        report[kind] += batch[kind];
        full ||= batch[kind] >= ORDERS;
      }
      await progress(50, report);
    }
    return report;
  };
}

/**
 * Arguments: `stream`; `since` and `until` as RFC 3339 times (until now without); `bucket` for one of them. Handlers that had
 * the events do nothing.
 */
export function republishEvents({ housekeeping }: Pick<Peers, 'housekeeping'>): JobWork {
  return async (args, progress, signal) => {
    const { stream, bucket } = args;
    const now_ms = Date.now();
    const since_ms = typeof args.since === 'string' ? parseRfc3339(args.since) : undefined;
    const until_ms = args.until === undefined ? now_ms : typeof args.until === 'string' ? parseRfc3339(args.until) : undefined;
    if (typeof stream !== 'string' || !isStreamName(stream)) throw new Error('stream must be ORDER, STOCK, PAYMENT or NOTIFY');
    if (since_ms === undefined || until_ms === undefined || since_ms >= until_ms) throw new Error('since and until must be RFC 3339 times, since the earlier one');
    if (since_ms < now_ms - REPLAY_MS) throw new Error('events are kept for seven days');
    if (bucket !== undefined && (!Number.isInteger(bucket) || Number(bucket) < 0 || Number(bucket) >= EVENT_BUCKETS)) throw new Error(`bucket must be 0 to ${EVENT_BUCKETS - 1}`);
    const owner = housekeeping.get(STREAM_OWNER[stream])!;
    let [published, page_token] = [0, ''];
    do {
      signal.throwIfAborted();
      const page = await owner.republishEvents(
        { stream, sinceTime: timestampFromMs(since_ms), untilTime: timestampFromMs(until_ms), pageToken: page_token, ...(bucket === undefined ? {} : { bucket: Number(bucket) }) },
        { signal, timeout_ms: CALL_MS },
      );
      published += page.published;
      page_token = page.nextPageToken;
      // Pages come in the order of buckets, which are about equally full.
      const at_bucket = page_token === '' ? EVENT_BUCKETS : Number(page_token.split('.')[0]);
      await progress((at_bucket / EVENT_BUCKETS) * 100, { stream, published });
    } while (page_token !== '');
    return { stream, published };
  };
}
