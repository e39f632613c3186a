/** Rows with a time at which they need something, and the sweeper that drives them: what kit/store/sweeper.ts does in SQL. */
import { isOutage } from '#kit/store/errors.ts';
import { backoff_ms } from '#kit/store/sweeper.ts';
import type { Net, Process, Store } from './process.ts';

type DueRow = { next_ms: number | undefined; attempts: number };

export class DueTable {
  readonly #rows = new Map<string, DueRow>();
  readonly #listeners = new Set<() => void>();

  /** `attempts` stays where it is not given. */
  set(id: string, next_ms: number | undefined, attempts?: number): void {
    const row = this.#rows.get(id);
    this.#rows.set(id, { next_ms, attempts: attempts ?? row?.attempts ?? 0 });
    if (next_ms !== undefined) for (const listener of this.#listeners) listener();
  }

  get(id: string): DueRow | undefined {
    return this.#rows.get(id);
  }

  earliest_ms(): number | undefined {
    let earliest: number | undefined;
    for (const { next_ms } of this.#rows.values()) if (next_ms !== undefined && (earliest === undefined || next_ms < earliest)) earliest = next_ms;
    return earliest;
  }

  claim(now_ms: number, limit: number, until_ms: number): { id: string; attempts: number }[] {
    const due = [...this.#rows].filter(([, { next_ms }]) => next_ms !== undefined && next_ms <= now_ms).toSorted(([, a], [, b]) => a.next_ms! - b.next_ms!).slice(0, limit);
    for (const [id] of due) this.set(id, until_ms);
    return due.map(([id, { attempts }]) => ({ id, attempts }));
  }

  /** Only while the claim stands: somebody may have moved the row on meanwhile. */
  putOff(id: string, claimed_until_ms: number, next_ms: number, attempts: number): void {
    if (this.#rows.get(id)?.next_ms === claimed_until_ms) this.set(id, next_ms, attempts);
  }

  onDue(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

export type SweepOptions = {
  net: Net;
  process: Process;
  store: Store;
  table: DueTable;
  handle: (id: string, attempts: number) => Promise<void | { again_in_ms: number } | undefined>;
  claim_ms?: number;
};

const BATCH = 64;
const POLL_MS = 1000;
const CLAIM_MS = 30_000;
const BASE_MS = 1000;
const CAP_MS = 300_000;
const OUTAGE_PAUSE_MS = 500;

/** Wakes when a row is due, at most a poll later, as a loop that looks every second would, without its idle rounds. */
export function startSweeper({ net, process, store, table, handle, claim_ms = CLAIM_MS }: SweepOptions): void {
  const { scheduler } = net;
  let armed: { at_ms: number; cancel: () => void } | undefined;
  let busy = false;
  const arm = (): void => {
    const earliest_ms = table.earliest_ms();
    if (!process.alive || busy || earliest_ms === undefined) return;
    const at_ms = Math.max(earliest_ms, scheduler.now_ms());
    if (armed !== undefined && armed.at_ms <= at_ms + POLL_MS) return;
    armed?.cancel();
    const wait_ms = at_ms - scheduler.now_ms() + scheduler.random.unit() * POLL_MS;
    armed = { at_ms: scheduler.now_ms() + wait_ms, cancel: process.timers.after(wait_ms, () => void round()) };
  };
  const round = async (): Promise<void> => {
    busy = true;
    armed = undefined;
    try {
      const until_ms = scheduler.now_ms() + claim_ms + scheduler.random.unit();
      const rows = await net.ask(process, store, 'claim', () => table.claim(scheduler.now_ms(), BATCH, until_ms));
      await Promise.all(rows.map((row) => drive(row.id, row.attempts, until_ms)));
    } catch {
      await scheduler.sleep(OUTAGE_PAUSE_MS);
    }
    busy = false;
    arm();
  };
  const drive = async (id: string, attempts: number, until_ms: number): Promise<void> => {
    const putOff = (wait_ms: number, tries: number): Promise<void> => net.ask(process, store, 'putOff', () => table.putOff(id, until_ms, scheduler.now_ms() + wait_ms, tries)).catch(() => undefined);
    try {
      const outcome = await handle(id, attempts);
      if (outcome !== undefined) await putOff(outcome.again_in_ms, 0);
    } catch (error) {
      scheduler.note(process.name, `sweep ${id} ✗ ${String(error)}`);
      // A store that is away uses up no try.
      if (isOutage(error)) await scheduler.sleep(Math.max(OUTAGE_PAUSE_MS, store.down_until_ms - scheduler.now_ms())).then(() => putOff(0, attempts));
      else await putOff(backoff_ms(attempts + 1, BASE_MS, CAP_MS), attempts + 1);
    }
  };
  table.onDue(arm);
  arm();
}
