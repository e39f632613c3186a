import type { Database } from '#kit/store/mysql.ts';
import type { LateRuns } from '../app/ports.ts';
import type { Journal } from './journal.ts';

export function openLateRuns(db: Database, journal: Journal): LateRuns {
  return {
    keep: (run_id, until_ms, actor) =>
      db.transaction(async (tx) => {
        const [known] = await tx.execute<{ tickets_until: Date }>('SELECT tickets_until FROM late_run WHERE run_id = ?', [run_id]);
        if (known !== undefined && known.tickets_until.getTime() >= until_ms) return;
        await tx.execute('INSERT INTO late_run (run_id, tickets_until) VALUES (?, ?) ON DUPLICATE KEY UPDATE tickets_until = GREATEST(tickets_until, VALUES(tickets_until))', [run_id, new Date(until_ms)]);
        await journal(tx, 'ticket.Keep', [{ target: `run/${run_id}` }], actor);
      }),
    async until_ms(run_id) {
      const [row] = await db.query<{ tickets_until: Date }>('SELECT tickets_until FROM late_run WHERE run_id = ?', [run_id]);
      return row?.tickets_until.getTime();
    },
  };
}
