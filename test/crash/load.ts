/** Callers at work while something breaks: holds, sales, releases of all or of a part, repeated, late and of what never was. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { eventually } from '../support/processes.ts';
import type { Callers } from './callers.ts';

export type Load = { callers: Callers; run_ids: readonly string[]; seed: number; name: string; stops: number };

const WORKERS = 8;
/** Calls that are done before it breaks, and after it. */
const CALLS_EACH_SIDE = 150;
const PAUSE_WHEN_OPEN_MS = 20;

/** Lets callers work, breaks something, lets them work on until they are served again, and has everything answered. */
export async function underLoad(load: Load, strike: () => Promise<unknown>): Promise<void> {
  const progress = { done: 0, over: false };
  const workers = Array.from({ length: WORKERS }, (_, index) => work(load, index, progress));
  // A worker that fails shows its error at once instead of leaving the others to go on for ever.
  const failed = Promise.all(workers);
  const finish = async () => {
    await eventually(() => progress.done >= CALLS_EACH_SIDE);
    await strike();
    const before = progress.done;
    await eventually(() => progress.done >= before + CALLS_EACH_SIDE);
  };
  await Promise.race([finish(), failed]).finally(() => (progress.over = true));
  await failed;
  await load.callers.settle();
}

async function work({ callers, run_ids, seed, name, stops }: Load, index: number, progress: { done: number; over: boolean }): Promise<void> {
  const random = randomFrom(seed * 1_000 + index);
  const pick = (count: number) => Math.floor(random() * count);
  const mine: string[] = [];
  for (let number = 0; !progress.over; number += 1) {
    const any = mine[pick(mine.length)];
    const dice = random();
    let ending;
    if (any === undefined || dice < 0.5) {
      const hold_id = `${name}-${index}-${number}`;
      const from = pick(stops - 1);
      const standing = random() < 0.1;
      const wish = { hold_id, run_id: run_ids[pick(run_ids.length)]!, from, to: from + 1 + pick(stops - 1 - from), seats: 1 + pick(3), seat_class: standing ? SeatClass.STANDING : SeatClass.SECOND };
      ending = await callers.hold(wish);
      if (random() < 0.1) ending = await callers.hold(wish);
      mine.push(hold_id);
    } else if (dice < 0.65) {
      ending = await callers.sell(any);
    } else if (dice < 0.85) {
      // A caller that lost patience asks twice at once, or once more much later.
      ending = (await Promise.all(random() < 0.3 ? [callers.release(any), callers.release(any)] : [callers.release(any)])).at(-1);
    } else if (dice < 0.9) {
      ending = await callers.release(any, [String(1 + pick(3))]);
    } else if (dice < 0.95) {
      const hold_id = `${name}-${index}-${number}-instead`;
      ending = await callers.exchange(any, { hold_id, run_id: callers.runOf(any), from: 0, to: 1 + pick(stops - 1), seats: 1 + pick(3) });
      mine.push(hold_id);
    } else {
      ending = await callers.release(`${name}-${index}-${number}-never`, [], 1, run_ids[pick(run_ids.length)]);
    }
    if (ending === 'open') await sleep(PAUSE_WHEN_OPEN_MS);
    else progress.done += 1;
  }
}

/** mulberry32: small, and the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
