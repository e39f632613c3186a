import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fromCompactDate } from '#kit/base/time.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import { checksumOfChange, type RunChange } from '../../../timetable/run_change.ts';
import type { Actor, ListedChange, ReceivedChange, RunChangeStore } from '../app/ports.ts';
import { nextRevision } from './revisions.ts';

type Row = { run_id: string; revision: bigint; newest: string; taken: string | null; problem: string | null; received_at: Date };

/** Runs so long past that nobody asks how they ran. */
const KEPT = 'INTERVAL 60 DAY';
const PRUNED_AT_ONCE = 1_000;
const MAX_PROBLEM = 300;

export function openRunChangeStore(db: Database, keys: AuditKeys, clock: Clock): RunChangeStore {
  async function keepOne(tx: Tx, { change, refused }: ReceivedChange, actor: Actor): Promise<void> {
    const revision = await nextRevision(tx);
    const [known] = await tx.execute<{ sequence: bigint }>('SELECT sequence FROM run_change WHERE run_id = ? FOR UPDATE', [change.run_id]);
    if (known !== undefined && Number(known.sequence) >= change.sequence) return;
    const now = new Date(clock.now_ms());
    const text = JSON.stringify(change);
    const taken = refused === undefined ? text : null;
    await tx.execute(
      `INSERT INTO run_change (run_id, service_date, sequence, revision, checksum, newest, taken, problem, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE sequence = VALUES(sequence), revision = VALUES(revision), checksum = VALUES(checksum), newest = VALUES(newest),
         taken = COALESCE(VALUES(taken), taken), problem = VALUES(problem), received_at = VALUES(received_at)`,
      [change.run_id, fromCompactDate(change.run_id.slice(-8)) ?? null, change.sequence, revision, checksumOfChange(change), text, taken, refused?.slice(0, MAX_PROBLEM) ?? null, now],
    );
    await tx.execute('UPDATE timetable_revision SET sequence = GREATEST(sequence, ?) WHERE id = 1', [change.sequence]);
    await writeAudit(tx, keys, {
      actor_account: actor.account_id, actor_service: actor.service, device_id: actor.device_id, ip: actor.ip,
      operation: 'timetable.ChangeRun', target: `run/${change.run_id}`, result: refused === undefined ? 'ok' : 'refused', version: BigInt(revision), time: now,
    });
  }

  return {
    async sequence() {
      const [row] = await db.query<{ sequence: bigint }>('SELECT sequence FROM timetable_revision WHERE id = 1');
      return Number(row?.sequence ?? 0);
    },
    async keep(changes, actor) {
      for (const change of changes) await db.transaction((tx) => keepOne(tx, change, actor));
      await db.query(`DELETE FROM run_change WHERE service_date < UTC_TIMESTAMP(3) - ${KEPT} LIMIT ${PRUNED_AT_ONCE}`);
    },
    async after(revision, limit) {
      const rows = await db.query<Row>('SELECT run_id, revision, newest, taken, problem, received_at FROM run_change WHERE revision > ? ORDER BY revision LIMIT ?', [revision, limit]);
      return rows.map(listed);
    },
  };
}

function listed({ revision, newest, taken, problem, received_at }: Row): ListedChange {
  return {
    change: JSON.parse(newest) as RunChange, taken: taken === null ? undefined : (JSON.parse(taken) as RunChange),
    revision: Number(revision), refused: problem ?? undefined, received_ms: received_at.getTime(),
  };
}
