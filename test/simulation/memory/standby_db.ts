/** What aftersales has in MySQL of those who wait, in memory: the queues of runs, and what enters and leaves them. */
import { rankOf } from '../../../services/aftersales/domain/standby_priority.ts';
import { kindText } from '../../../services/aftersales/domain/standby_matching.ts';
import type { Standby, Wish } from '../../../services/aftersales/domain/standby.ts';
import { DueTable } from '../sweeper.ts';

export type QueuedWish = { run_id: string; kind: string; rank: number; standby_id: bigint; wish_no: number; /** By the true time: for the oracle. */ since_ms: number };
export type StandbyClaim = { person: string; standby_id: bigint; start_ms: number; end_ms: number };
type StandbyRun = { waiting: number; version: bigint; told: bigint; lease_owner: string; lease_until_ms: number; departure_ms: number };

export class StandbyDb {
  readonly now_ms: () => number;
  readonly rows = new Map<bigint, Standby>();
  readonly due = new DueTable();
  readonly requests = new Map<string, { standby_id: bigint; body_hash: Uint8Array }>();
  readonly runs = new Map<string, StandbyRun>();
  readonly runs_due = new DueTable();
  /** When a standby ended, by the true time: for the oracle. */
  readonly ended_ms = new Map<bigint, number>();
  wishes: QueuedWish[] = [];
  claims: StandbyClaim[] = [];
  sequence = 0;

  constructor(now_ms: () => number) {
    this.now_ms = now_ms;
  }

  /** Into the queue of each of its runs. */
  enter({ standby_id, sequence, priority, wishes, travellers }: Standby): void {
    const since_ms = this.now_ms();
    this.wishes.push(...wishes.map((wish, wish_no) => ({ run_id: wish.run_id, kind: kindOf(wish, travellers.length), rank: rankOf(priority, sequence), standby_id, wish_no, since_ms })));
    for (const [run_id, { departure_ms }] of new Map(wishes.map((wish) => [wish.run_id, wish]))) {
      const run = this.runs.get(run_id) ?? { waiting: 0, version: 0n, told: 0n, lease_owner: '', lease_until_ms: since_ms, departure_ms };
      // Only the first who waits and the last who leaves are news for inventory.
      const news = run.waiting === 0;
      this.runs.set(run_id, { ...run, waiting: run.waiting + 1, version: run.version + (news ? 1n : 0n) });
      if (news) this.runs_due.set(run_id, since_ms);
    }
  }

  /** Out of all queues, or of that of one wish. How many of its wishes wait on. */
  leave(standby_id: bigint, wish_no?: number): number {
    const mine = this.wishes.filter((wish) => wish.standby_id === standby_id);
    const gone = mine.filter((wish) => wish_no === undefined || wish.wish_no === wish_no);
    this.wishes = this.wishes.filter((wish) => !gone.includes(wish));
    for (const run_id of new Set(gone.map((wish) => wish.run_id))) {
      const run = this.runs.get(run_id)!;
      if (run.waiting === 0 || mine.some((wish) => wish.run_id === run_id && !gone.includes(wish))) continue;
      const last = run.waiting === 1;
      this.runs.set(run_id, { ...run, waiting: run.waiting - 1, version: run.version + (last ? 1n : 0n) });
      if (last) this.runs_due.set(run_id, this.now_ms());
    }
    return mine.length - gone.length;
  }

  /** The same place in time, in another segment. */
  rank(standby_id: bigint, rank: number): void {
    this.wishes = this.wishes.map((wish) => (wish.standby_id === standby_id ? { ...wish, rank } : wish));
  }

  forgetClaims(standby_id: bigint): void {
    this.claims = this.claims.filter((claim) => claim.standby_id !== standby_id);
  }
}

export function kindOf({ seat_classes, from_index, to_index, accept_same_train_change }: Wish, size: number): string {
  return kindText({ classes: seat_classes, from: from_index, to: to_index, size, changes: accept_same_train_change });
}
