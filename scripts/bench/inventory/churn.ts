/** What the figures have little of, for the oracle: runs that are sold out, repeats of ids, and releases under way with holds. */
import { integerBetween, seededRandom } from '#kit/base/random.ts';
import { HoldOwner, type Hold } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { say } from '../../say.ts';
import type { Acknowledgements } from './acknowledged.ts';
import { closedLoop, refusedText, type Wishes } from './load.ts';
import { holdRequest, type Wish } from './mix.ts';
import type { World } from './world.ts';

const CALLERS = 64;
const REPEATED_SHARE = 0.1;
const RELEASED_SHARE = 0.25;

/** Holds on few runs until long after they are full. */
export async function churn(world: World, wishes: Wishes, run_ids: readonly string[], acknowledged: Acknowledgements, for_ms: number): Promise<void> {
  const random = seededRandom(20260124);
  const outcome = await closedLoop(CALLERS, for_ms, async () => {
    const wish = wishes.on(run_ids[integerBetween(random, 0, run_ids.length - 1)]!);
    const hold = await holdOnce(world, wish, random.unit() < REPEATED_SHARE);
    acknowledged.note(hold);
    if (random.unit() < RELEASED_SHARE) await release(world, hold, acknowledged);
    return 1;
  });
  say(`sold out, repeated and released: ${outcome.held} held, ${refusedText(outcome)}`, `售罄、重复与释放：${outcome.held} 个成功，${refusedText(outcome)}`);
}

/** A repeat is sent beside the first, not after it. Both must be told the same place. */
async function holdOnce({ client }: World, wish: Wish, repeated: boolean): Promise<Hold> {
  const [first, second] = await Promise.all([client.holdSeats(holdRequest(wish)), repeated ? client.holdSeats(holdRequest(wish)) : undefined]);
  const seat = (hold: Hold | undefined) => `${hold?.seats[0]?.seat?.coachNo}/${hold?.seats[0]?.seat?.seatNo}`;
  if (second !== undefined && seat(first.hold) !== seat(second.hold)) throw new Error(`hold ${wish.hold_id} was told two places`);
  return first.hold!;
}

async function release({ client }: World, { holdId, runId, version }: Hold, acknowledged: Acknowledgements): Promise<void> {
  const told = acknowledged.all.get(holdId)!;
  told.expected = 'EITHER';
  try {
    await client.releaseHold({ holdId, runId, owner: HoldOwner.ORDER, version, reason: 'bench' });
    told.expected = 'RELEASED';
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
  }
}
