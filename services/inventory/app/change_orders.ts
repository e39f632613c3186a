import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { together } from '#kit/store/together.ts';
import type { Hold } from '../domain/hold.ts';
import { accessRun, outcomeUnknown, type RunAccess } from './hold_access.ts';
import type { Parts } from './parts.ts';
import { OutcomeUnknown, type OrderChange, type OrderWish } from './ports.ts';
import { refusal } from './refusals.ts';
import { whyOver } from './why_over.ts';

export type HoldOfOrder = { hold_id: string; run_id: string; order_id: string };

export type Changed = { hold: Hold; access: RunAccess };

/**
 * Changes holds of many orders in one transaction of the ledger; one outcome for each wish, in order, and none touches
 * another: when the transaction fails for another reason than an outage, each is tried alone.
 */
export async function changeOrders(parts: Parts, wishes: readonly HoldOfOrder[], change: (wishes: readonly OrderWish[]) => Promise<OrderChange[]>): Promise<Result<Changed>[]> {
  const accesses = new Map(await Promise.all([...new Set(wishes.map(({ run_id }) => run_id))].map(async (run_id) => [run_id, await accessRun(parts, run_id)] as const)));
  const outcomes: (Result<Changed> | undefined)[] = wishes.map((wish) => refusedAtOnce(wish, accesses.get(wish.run_id)!));
  // A hold that stands twice among them waits for its first turn, as it would in two calls.
  for (let open = indexesOf(outcomes); open.length > 0; open = indexesOf(outcomes)) {
    const turn = [...new Map(open.toReversed().map((index) => [wishes[index]!.hold_id, index])).values()];
    const reached = turn.map((index) => ({ wish: wishes[index]!, access: valueOf(accesses.get(wishes[index]!.run_id)!) }));
    for (const [at, outcome] of (await changeReached(parts, reached, change)).entries()) outcomes[turn[at]!] = outcome;
  }
  return outcomes as Result<Changed>[];
}

type Reached = { wish: HoldOfOrder; access: RunAccess };

async function changeReached(parts: Parts, reached: readonly Reached[], change: (wishes: readonly OrderWish[]) => Promise<OrderChange[]>): Promise<readonly Result<Changed>[]> {
  const all = async (some: readonly Reached[]): Promise<Result<Changed>[]> => {
    try {
      const changes = await change(some.map(({ wish: { hold_id, order_id }, access: { run, epoch } }) => ({ hold_id, order_id, run, epoch })));
      return await Promise.all(some.map(({ wish, access }, index) => outcomeOf(parts, wish, access, changes[index])));
    } catch (error) {
      // Every change of a hold may be repeated, and a repeat finds out.
      if (error instanceof OutcomeUnknown) return some.map(() => outcomeUnknown());
      throw error;
    }
  };
  return together(reached, all, ({ wish }, error) => {
    parts.log.error({ error, hold_id: wish.hold_id }, 'a hold of an order could not be changed');
    return fail('INTERNAL');
  });
}

async function outcomeOf(parts: Parts, { hold_id }: HoldOfOrder, access: RunAccess, changed: OrderChange): Promise<Result<Changed>> {
  if (changed === undefined) return whyOver(parts, hold_id);
  if (changed !== 'EPOCH') return ok({ hold: changed, access });
  parts.buckets.suspect(access.run.bucket, 'EPOCH');
  return refusal('CLOSED');
}

function refusedAtOnce({ order_id }: HoldOfOrder, access: Result<RunAccess>): Result<never> | undefined {
  if (!/^\w{1,32}$/.test(order_id)) return fieldInvalid('order_id', '1 to 32 letters or digits');
  return access.ok ? undefined : access;
}

function indexesOf(outcomes: readonly (Result<Changed> | undefined)[]): number[] {
  return outcomes.flatMap((outcome, index) => (outcome === undefined ? [index] : []));
}

function valueOf(access: Result<RunAccess>): RunAccess {
  if (!access.ok) throw new Error('a wish whose run is not open was refused before');
  return access.value;
}
