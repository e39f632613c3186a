import type { HoldSeatsRequest, InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fail, fieldInvalid, type Result } from '#kit/base/result.ts';
import { unwrap } from '#kit/rpc/error.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import { outcomeStatus } from '#kit/rpc/status.ts';
import { attachOrders } from '../app/attach_order.ts';
import { exchangeHold } from '../app/exchange_hold.ts';
import { extendHold } from '../app/extend_hold.ts';
import type { HoldAnswer, HoldSeats } from '../app/hold_seats.ts';
import type { Parts } from '../app/parts.ts';
import { releaseHold } from '../app/release_hold.ts';
import { sellHolds } from '../app/sell_hold.ts';
import type { Hold } from '../domain/hold.ts';
import { batchMethods, checkBatch, type BatchMethods } from './batch_methods.ts';
import { anyOwnerFromMessage, holdMessage, holdRequestFromMessage, ownerFromMessage } from './convert_hold.ts';

type HoldMethods = BatchMethods & Pick<Handlers<typeof InventoryService>, 'holdSeats' | 'batchHoldSeats' | 'getHold' | 'attachOrder' | 'releaseHold' | 'sellHold' | 'exchangeHold' | 'extendHold'>;

/** Holds, from being made to being sold or given back. */
export function holdMethods(parts: Parts & { hold: HoldSeats }): HoldMethods {
  const messageOf = async (hold: Hold, run_version = 0n) => holdMessage(hold, (await parts.runs.find([hold.run_id])).get(hold.run_id)!.layout, run_version);
  const answerOf = async (result: Result<Hold>) => ({ hold: await messageOf(unwrap(result)) });
  const holdAll = (requests: readonly HoldSeatsRequest[]) => holdMessages(parts.hold, requests);

  return {
    ...batchMethods(parts),
    async holdSeats(request) {
      const [answer] = await holdAll([request]);
      const { hold, run_version } = unwrap(answer!);
      return { hold: await messageOf(hold, run_version) };
    },
    async batchHoldSeats({ requests }) {
      checkBatch(requests);
      const answers = await holdAll(requests);
      const results = await Promise.all(
        answers.map(async (answer) => {
          if (!answer.ok) return { outcome: { case: 'error' as const, value: outcomeStatus(answer.error) } };
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
      const [attached] = await attachOrders(parts, [{ hold_id, run_id, order_id, owner: unwrap(ownerFromMessage(owner)) }]);
      return answerOf(attached!);
    },
    async releaseHold({ holdId: hold_id, runId: run_id, owner, version, itemIds: item_ids, reason }) {
      return answerOf(await releaseHold(parts, { hold_id, run_id, owner: unwrap(anyOwnerFromMessage(owner)), version: Number(version), item_ids, reason }));
    },
    async sellHold({ holdId: hold_id, runId: run_id, orderId: order_id }) {
      const [sold] = await sellHolds(parts, [{ hold_id, run_id, order_id }]);
      return answerOf(sold!);
    },
    async exchangeHold({ holdId: hold_id, runId: run_id, version, replacement }) {
      if (replacement === undefined) unwrap(fieldInvalid('replacement', 'needed'));
      const wanted = unwrap(holdRequestFromMessage(replacement!));
      const { hold, run_version } = unwrap(await exchangeHold(parts, parts.hold, { hold_id, run_id, version: Number(version), replacement: wanted }));
      return { hold: await messageOf(hold, run_version) };
    },
    async extendHold({ holdId: hold_id, runId: run_id, owner, holdTtlMs: hold_ttl_ms }) {
      return answerOf(await extendHold(parts, { hold_id, run_id, owner: unwrap(anyOwnerFromMessage(owner)), hold_ttl_ms }));
    },
  };
}

/** Requests that are no holds at all are answered in their place; the others go together. */
async function holdMessages(hold: HoldSeats, messages: readonly HoldSeatsRequest[]): Promise<Result<HoldAnswer>[]> {
  const requests = messages.map(holdRequestFromMessage);
  const answers = await hold(requests.flatMap((request) => (request.ok ? [request.value] : [])));
  let next = 0;
  return requests.map((request) => (request.ok ? answers[next++]! : request));
}
