import { countFree } from '../domain/bitmap.ts';
import { isRetired, type RunHeader } from '../domain/run.ts';
import type { Parts } from './parts.ts';
import type { RunSnapshot } from './ports.ts';

export type RunState = { run: RunHeader; epoch: number; version: bigint; open: boolean; seats_free: number };

/** Runs that are known, with what Redis says of them; `open` is false while their bucket is being brought up to date. */
export async function getRunStates(parts: Parts, run_ids: readonly string[]): Promise<RunState[]> {
  const runs = [...(await parts.runs.find([...new Set(run_ids)])).values()];
  const now_ms = parts.clock.now_ms();
  const reachable = runs.filter((run) => !isRetired(run, now_ms)).flatMap((run) => {
    const epoch = parts.buckets.epochOf(run.bucket);
    return epoch === undefined ? [] : [{ run, epoch }];
  });
  const replies = await parts.seats.snapshots(reachable);
  const states = new Map(reachable.map(({ run, epoch }, index) => [run.run_id, { epoch, reply: replies[index]! }]));
  return runs.map((run): RunState => {
    const state = states.get(run.run_id);
    if (state?.reply.status !== 'OK') return { run, epoch: state?.epoch ?? 0, version: 0n, open: false, seats_free: 0 };
    const { snapshot } = state.reply;
    const on_sale = run.sale_start_ms <= now_ms && now_ms < run.sale_end_ms;
    return { run, epoch: state.epoch, version: snapshot.version, open: snapshot.open && on_sale, seats_free: freeOnEmptiest(snapshot) };
  });
}

function freeOnEmptiest(snapshot: RunSnapshot): number {
  let most = 0;
  for (let segment = 0; segment < snapshot.segments; segment += 1) {
    let free = snapshot.standing[segment] ?? 0;
    for (const bits of snapshot.classes.values()) free += countFree(bits, segment, segment + 1);
    most = Math.max(most, free);
  }
  return most;
}
