import type { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fail, fieldInvalid, type Result } from '#kit/base/result.ts';
import { isOutage } from '#kit/store/errors.ts';
import { unwrap } from '#kit/rpc/error.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import { outcomeStatus } from '#kit/rpc/status.ts';
import { attachOrders } from '../app/attach_order.ts';
import type { Parts } from '../app/parts.ts';
import { releaseHold } from '../app/release_hold.ts';
import { sellHolds } from '../app/sell_hold.ts';
import { anyOwnerFromMessage, ownerFromMessage } from './convert_hold.ts';

export type BatchMethods = Pick<Handlers<typeof InventoryService>, 'batchAttachOrders' | 'batchSellHolds' | 'batchReleaseHolds'>;

/** As the contract says. */
const MAX_BATCH = 256;

/** What order does with the holds of many orders at once. */
export function batchMethods(parts: Parts): BatchMethods {
  return {
    async batchAttachOrders({ requests }) {
      checkBatch(requests);
      const wishes = requests.map(({ holdId: hold_id, runId: run_id, orderId: order_id, owner }) => withOwner(ownerFromMessage(owner), { hold_id, run_id, order_id }));
      return answerOf(await amongGood(wishes, (good) => attachOrders(parts, good)));
    },
    async batchSellHolds({ requests }) {
      checkBatch(requests);
      return answerOf(await sellHolds(parts, requests.map(({ holdId: hold_id, runId: run_id, orderId: order_id }) => ({ hold_id, run_id, order_id }))));
    },
    async batchReleaseHolds({ requests }) {
      checkBatch(requests);
      const wishes = requests.map(({ holdId: hold_id, runId: run_id, owner, version, itemIds: item_ids, reason }) => withOwner(anyOwnerFromMessage(owner), { hold_id, run_id, version: Number(version), item_ids, reason }));
      // Each is a change of the ledger and of Redis of its own.
      return answerOf(await amongGood(wishes, (good) => Promise.all(good.map((wish) => releaseHold(parts, wish).catch((error: unknown) => unreleased(parts, wish.hold_id, error))))));
    },
  };
}

export function checkBatch(requests: readonly unknown[]): void {
  if (requests.length > MAX_BATCH) unwrap(fieldInvalid('requests', `at most ${MAX_BATCH}`));
}

/** A bug with one hold is no answer to the others; an outage is everybody's. */
function unreleased({ log }: Parts, hold_id: string, error: unknown): Result<never> {
  if (isOutage(error)) throw error;
  log.error({ error, hold_id }, 'a hold could not be released');
  return fail('INTERNAL');
}

/** Requests that are malformed are refused in their place; the others go together. */
async function amongGood<Wish, T>(wishes: readonly Result<Wish>[], change: (good: Wish[]) => Promise<Result<T>[]>): Promise<Result<T>[]> {
  const outcomes = await change(wishes.flatMap((wish) => (wish.ok ? [wish.value] : [])));
  let next = 0;
  return wishes.map((wish) => (wish.ok ? outcomes[next++]! : wish));
}

function withOwner<Owner, Wish>(owner: Result<Owner>, wish: Wish): Result<Wish & { owner: Owner }> {
  return owner.ok ? { ok: true, value: { ...wish, owner: owner.value } } : owner;
}

function answerOf(outcomes: readonly Result<unknown>[]) {
  return { outcomes: outcomes.map((outcome) => (outcome.ok ? {} : { error: outcomeStatus(outcome.error) })) };
}
