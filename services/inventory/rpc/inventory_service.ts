import { create, fromBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { InventoryService, type HoldSeatsRequest } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fail, FailureError, fieldInvalid, type Failure, type Result } from '#kit/base/result.ts';
import { isServiceDate } from '#kit/base/time.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { DETAILS_KEY, toStatus } from '#kit/rpc/status.ts';
import { attachOrder } from '../app/attach_order.ts';
import { closeRun } from '../app/close_run.ts';
import type { HoldAnswer, HoldSeats } from '../app/hold_seats.ts';
import { openRuns } from '../app/open_runs.ts';
import type { TimetableSource } from '../app/ports.ts';
import type { ReconcileParts } from '../app/reconcile.ts';
import { releaseHold } from '../app/release_hold.ts';
import { getRemaining } from '../app/remaining.ts';
import type { RemainingFeed } from '../app/remaining_feed.ts';
import { getRunStates } from '../app/run_states.ts';
import { sellHold } from '../app/sell_hold.ts';
import type { Hold } from '../domain/hold.ts';
import { bucketMethods, knownBuckets } from './bucket_methods.ts';
import { holdMessage, holdRequestFromMessage, ownerFromMessage } from './convert_hold.ts';
import { remainingMessage } from '../wire/remaining_message.ts';
import { classCodeMessage } from '../wire/seat_message.ts';

export type InventoryParts = ReconcileParts & { hold: HoldSeats; feed: RemainingFeed; timetable: TimetableSource; bucket_count: number };

const MAX_BATCH = 256;
const MAX_RUN_STATES = 500;

export function inventoryService(parts: InventoryParts): Implementation {
  const messageOf = async (hold: Hold, run_version = 0n) => holdMessage(hold, (await parts.runs.find([hold.run_id])).get(hold.run_id)!.layout, run_version);
  const answerOf = async (result: Result<Hold>) => ({ hold: await messageOf(unwrap(result)) });
  const holdAll = (requests: readonly HoldSeatsRequest[]) => holdMessages(parts.hold, requests);

  return implement(InventoryService, {
    async openRuns({ serviceDate: service_date, runIds: run_ids }) {
      if (!isServiceDate(service_date)) unwrap(fieldInvalid('service_date', 'YYYY-MM-DD'));
      const { opened, already_open, refused } = await openRuns(parts, parts.timetable, parts.bucket_count, { service_date, run_ids });
      return { opened, alreadyOpen: already_open, refused };
    },
    async holdSeats(request) {
      const [answer] = await holdAll([request]);
      const { hold, run_version } = unwrap(answer!);
      return { hold: await messageOf(hold, run_version) };
    },
    async batchHoldSeats({ requests }) {
      if (requests.length > MAX_BATCH) unwrap(fieldInvalid('requests', `at most ${MAX_BATCH}`));
      const answers = await holdAll(requests);
      const results = await Promise.all(
        answers.map(async (answer) => {
          if (!answer.ok) return { outcome: { case: 'error' as const, value: statusOf(answer.error) } };
          return { outcome: { case: 'hold' as const, value: await messageOf(answer.value.hold, answer.value.run_version) } };
        }),
      );
      return { results };
    },
    async getHold({ holdId, runId }) {
      const hold = (await parts.ledger.findHolds([holdId])).get(holdId);
      return answerOf(hold === undefined || hold.run_id !== runId ? fail('HOLD_NOT_FOUND') : { ok: true, value: hold });
    },
    async attachOrder({ holdId: hold_id, runId: run_id, orderId: order_id, owner }) {
      return answerOf(await attachOrder(parts, { hold_id, run_id, order_id, owner: unwrap(ownerFromMessage(owner)) }));
    },
    async releaseHold({ holdId: hold_id, runId: run_id, owner, version, itemIds: item_ids, reason }) {
      return answerOf(await releaseHold(parts, { hold_id, run_id, owner: unwrap(ownerFromMessage(owner)), version: Number(version), item_ids, reason }));
    },
    async sellHold({ holdId: hold_id, runId: run_id, orderId: order_id }) {
      return answerOf(await sellHold(parts, { hold_id, run_id, order_id }));
    },
    exchangeHold() {
      throw new FailureError({ reason: 'NOT_IMPLEMENTED', detail: 'exchange within a run' });
    },
    extendHold() {
      throw new FailureError({ reason: 'NOT_IMPLEMENTED', detail: 'extension' });
    },
    setRunQuotas() {
      throw new FailureError({ reason: 'NOT_IMPLEMENTED', detail: 'quotas' });
    },
    getRunQuotas() {
      throw new FailureError({ reason: 'NOT_IMPLEMENTED', detail: 'quotas' });
    },
    async getRemaining({ runId, stretches }) {
      const { remaining, version, epoch } = unwrap(await getRemaining(parts, runId, stretches.map(({ fromIndex: from, toIndex: to }) => ({ from, to }))));
      return { version, epoch, remaining: remaining.map(({ class_code, from, to, remaining: count }) => ({ seatClass: classCodeMessage(class_code), fromIndex: from, toIndex: to, remaining: count })) };
    },
    async *watchRemaining({ buckets, serviceDates }, call) {
      const filter = { buckets: buckets.length === 0 ? parts.buckets.all : knownBuckets(buckets, parts.bucket_count), service_dates: new Set(serviceDates) };
      for await (const { runs, complete, digests } of parts.feed.watch(filter, call.signal)) {
        yield { runs: runs.map(remainingMessage), snapshotCompleteBuckets: complete, digests };
      }
    },
    async getRunStates({ runIds }) {
      if (runIds.length > MAX_RUN_STATES) unwrap(fieldInvalid('run_ids', `at most ${MAX_RUN_STATES}`));
      const states = await getRunStates(parts, runIds);
      return {
        states: states.map(({ run, epoch, version, open, seats_free }) => ({
          runId: run.run_id,
          bucket: run.bucket,
          epoch,
          version,
          open,
          seatsAtOpening: run.seats_at_opening,
          seatsFree: seats_free,
          saleStartTime: timestampFromMs(run.sale_start_ms),
          saleEndTime: timestampFromMs(run.sale_end_ms),
        })),
      };
    },
    ...bucketMethods(parts),
    async closeRun({ runId: run_id, reason }) {
      unwrap(await closeRun(parts, { run_id, reason }));
      return {};
    },
  });
}

/** Requests that are no holds at all are answered in their place; the others go together. */
async function holdMessages(hold: HoldSeats, messages: readonly HoldSeatsRequest[]): Promise<Result<HoldAnswer>[]> {
  const requests = messages.map(holdRequestFromMessage);
  const answers = await hold(requests.flatMap((request) => (request.ok ? [request.value] : [])));
  let next = 0;
  return requests.map((request) => (request.ok ? answers[next++]! : request));
}

/** The same details as the error of HoldSeats. */
function statusOf(failure: Failure) {
  const bytes = toStatus(failure).metadata?.get(DETAILS_KEY)[0];
  return bytes instanceof Buffer ? fromBinary(StatusSchema, bytes) : create(StatusSchema, {});
}
