import type { HoldSeatsRequest, InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fieldInvalid, type Result } from '#kit/base/result.ts';
import { unwrap } from '#kit/rpc/error.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import { outcomeStatus } from '#kit/rpc/status.ts';
import { claimStandby } from '../app/claim_standby.ts';
import type { HoldAnswer, HoldInOrder } from '../app/hold_seats.ts';
import { standbySeats } from '../app/kept_seats.ts';
import type { Parts } from '../app/parts.ts';
import { setRunStandby } from '../app/set_run_standby.ts';
import { classCodeMessage } from '../wire/seat_message.ts';
import { holdMessage, holdRequestFromMessage } from './convert_hold.ts';

type StandbyMethods = Pick<Handlers<typeof InventoryService>, 'setRunStandby' | 'getStandbySeats' | 'claimStandbySeats' | 'batchClaimStandbySeats'>;

/** As the contract says. */
const MAX_CLAIMS = 64;

/** What aftersales needs to serve those who wait. */
export function standbyMethods(parts: Parts & { hold_in_order: HoldInOrder }): StandbyMethods {
  async function claim(messages: readonly HoldSeatsRequest[]): Promise<Result<HoldAnswer>[]> {
    const requests = messages.map((message) => unwrap(holdRequestFromMessage(message)));
    const [run_id, ...others] = new Set(requests.map(({ run_id: id }) => id));
    if (run_id === undefined || others.length > 0 || requests.length > MAX_CLAIMS) unwrap(fieldInvalid('holds', `1 to ${MAX_CLAIMS} of one run`));
    if (new Set(requests.map(({ hold_id }) => hold_id)).size < requests.length) unwrap(fieldInvalid('holds', 'an id stands twice'));
    return claimStandby(parts, parts.hold_in_order, run_id!, requests);
  }
  const messageOf = async ({ hold, run_version }: HoldAnswer) => holdMessage(hold, (await parts.runs.find([hold.run_id])).get(hold.run_id)!.layout, run_version);

  return {
    async setRunStandby({ runId: run_id, waiting, version }) {
      unwrap(await setRunStandby(parts, { run_id, waiting, version }));
      return {};
    },
    async getStandbySeats({ runId }) {
      const { remaining, kept, version } = unwrap(await standbySeats(parts, runId));
      return { kept, version: BigInt(version), remaining: remaining.map(({ class_code, from, to, remaining: count }) => ({ seatClass: classCodeMessage(class_code), fromIndex: from, toIndex: to, remaining: count })) };
    },
    async claimStandbySeats({ hold }) {
      if (hold === undefined) unwrap(fieldInvalid('hold', 'needed'));
      const [answer] = await claim([hold!]);
      return { hold: await messageOf(unwrap(answer!)) };
    },
    async batchClaimStandbySeats({ holds }) {
      const answers = await claim(holds);
      const results = await Promise.all(
        answers.map(async (answer) => {
          if (!answer.ok) return { outcome: { case: 'error' as const, value: outcomeStatus(answer.error) } };
          return { outcome: { case: 'hold' as const, value: await messageOf(answer.value) } };
        }),
      );
      return { results };
    },
  };
}
