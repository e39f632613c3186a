// A run gets its seat rows with its first hold: most runs that are open are never sold from today, and a thousand rows
// for each of tens of thousands of runs would make opening a matter of hours.
import type { Database } from '#kit/store/mysql.ts';
import { valuesOf } from './packet.ts';
import type { RunHeader } from '../../domain/run.ts';

/** Runs remembered as done; forgetting one costs a query. */
const REMEMBERED = 100_000;

export class Materialiser {
  readonly #db: Database;
  #done = new Set<bigint>();
  readonly #running = new Map<bigint, Promise<void>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Resolves when the run's rows exist and are committed. Concurrent calls for a run share one transaction. */
  async ensure(run: RunHeader): Promise<void> {
    if (this.#done.has(run.run_no)) return;
    const running = this.#running.get(run.run_no) ?? this.#make(run).finally(() => this.#running.delete(run.run_no));
    this.#running.set(run.run_no, running);
    await running;
    if (this.#done.size >= REMEMBERED) this.#done = new Set();
    this.#done.add(run.run_no);
  }

  async #make(run: RunHeader): Promise<void> {
    const [row] = await this.#db.query<{ materialised: number }>('SELECT materialised FROM train_run WHERE run_no = ?', [run.run_no]);
    if (row?.materialised === 1) return;
    await this.#db.transaction(async (tx) => {
      // IGNORE: another process may be doing the same; a row that exists keeps what it says.
      await tx.execute('INSERT IGNORE INTO seat_ledger (run_no, class_code, seat, occupied) SELECT ?, class_code, seat, 0 FROM layout_seat WHERE layout_hash = ?', [run.run_no, run.layout.layout_hash]);
      if (run.standing_capacity > 0) {
        const rows = Array.from({ length: run.segments }, (_, segment) => [run.run_no, segment, run.standing_capacity]);
        await tx.execute(`INSERT IGNORE INTO standing_ledger (run_no, segment, used, capacity) VALUES ${valuesOf('(?, ?, 0, ?)', rows.length)}`, rows.flat());
      }
      await tx.execute('UPDATE train_run SET materialised = 1 WHERE run_no = ?', [run.run_no]);
    });
  }
}
