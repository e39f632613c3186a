import { timestampDate } from '@bufbuild/protobuf/wkt';
import { HousekeepingService } from '#gen/rail/ops/v1/housekeeping_pb.ts';
import type { Bus } from '#kit/bus/bus.ts';
import { republishPage, type RepublishCursor } from '#kit/bus/republish.ts';
import { EVENT_BUCKETS, isStreamName } from '#kit/bus/streams.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { archiveRequestIds } from '#kit/store/archive.ts';
import type { Database } from '#kit/store/mysql.ts';

export type HousekeepingDeps = {
  db: Database;
  /** Of services with an outbox. */
  bus?: Bus;
};

const ARCHIVE = { fallback: 2000, max: 10_000 };
const PAGE = { fallback: 200, max: 1000 };

/** What ops asks of each service with a database, over the tables that the kit keeps in it. */
export function housekeepingService({ db, bus }: HousekeepingDeps): Implementation {
  return implement(HousekeepingService, {
    archiveRequestIds: ({ limit }) => archiveRequestIds(db, bounded(limit, ARCHIVE, 'limit')),
    async republishEvents({ stream, sinceTime, untilTime, bucket, pageSize, pageToken }) {
      if (bus === undefined || !isStreamName(stream)) throw invalid('stream', 'is none that this service publishes to');
      if (sinceTime === undefined || untilTime === undefined) throw invalid('since_time', 'and until_time must be given');
      if (bucket !== undefined && bucket >= EVENT_BUCKETS) throw invalid('bucket', `must be below ${EVENT_BUCKETS}`);
      const range = { stream, since: timestampDate(sinceTime), until: timestampDate(untilTime), ...(bucket === undefined ? {} : { bucket }) };
      const { published, next } = await republishPage(db, bus, range, cursorOf(pageToken), bounded(pageSize, PAGE, 'page_size'));
      return { published, nextPageToken: next === undefined ? '' : next.join('.') };
    },
  });
}

function bounded(asked: number, { fallback, max }: { fallback: number; max: number }, field: string): number {
  if (asked > max) throw invalid(field, `is at most ${max}`);
  return asked === 0 ? fallback : asked;
}

function cursorOf(token: string): RepublishCursor | undefined {
  if (token === '') return undefined;
  const match = /^(\d{1,4})\.(\d{1,18})$/.exec(token);
  if (match === null) throw RpcError.of({ reason: 'PAGE_TOKEN_INVALID' });
  return [Number(match[1]), BigInt(match[2]!)];
}

function invalid(field: string, detail: string): RpcError {
  return RpcError.of({ reason: 'FIELD_INVALID', detail: `${field} ${detail}`, metadata: { field } });
}
