import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fieldInvalid } from '#kit/base/result.ts';
import { unwrap } from '#kit/rpc/error.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import type { Parts } from '../app/parts.ts';
import { getRemaining } from '../app/remaining.ts';
import type { RemainingFeed } from '../app/remaining_feed.ts';
import { getRunStates } from '../app/run_states.ts';
import { channelFromMessage, passengerTypeFromMessage } from '../wire/buyer_message.ts';
import { remainingMessage } from '../wire/remaining_message.ts';
import { classCodeMessage } from '../wire/seat_message.ts';
import { checkBuckets } from './bucket_numbers.ts';

type RemainingMethods = Pick<Handlers<typeof InventoryService>, 'getRemaining' | 'watchRemaining' | 'getRunStates'>;

const MAX_RUN_STATES = 500;

/** What is left of runs, and where they belong. */
export function remainingMethods(parts: Parts & { feed: RemainingFeed; bucket_count: number }): RemainingMethods {
  return {
    async getRemaining({ runId, stretches, channel, passengerType, withQuotas }) {
      const buyer = withQuotas ? 'anybody' : { channel: channelFromMessage(channel), passenger_type: passengerTypeFromMessage(passengerType) };
      const { remaining, version, epoch } = unwrap(await getRemaining(parts, runId, stretches.map(({ fromIndex: from, toIndex: to }) => ({ from, to })), buyer));
      return { version, epoch, remaining: remaining.map(({ class_code, from, to, remaining: count }) => ({ seatClass: classCodeMessage(class_code), fromIndex: from, toIndex: to, remaining: count })) };
    },
    async *watchRemaining({ buckets, serviceDates }, call) {
      const filter = { buckets: buckets.length === 0 ? parts.buckets.all : checkBuckets(buckets, parts.bucket_count), service_dates: new Set(serviceDates) };
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
  };
}
