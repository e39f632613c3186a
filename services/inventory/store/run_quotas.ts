// Quotas of runs: a row only for runs that have or had some.
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { NewQuota, Quota } from '../domain/quota.ts';
import { operatorAudit } from './ledger/audit_rows.ts';
import { valuesOf } from './ledger/packet.ts';

/** `next`: the number of the next quota. Numbers are never used again, so the list alone can't tell. */
type Stored = { next: number; quotas: Quota[] };

/** How far back other processes' changes are read each time: longer than a process may be late with its look. */
const CHANGED_WITHIN = 'INTERVAL 30 SECOND';

export function quotasFromText(text: string | null): readonly Quota[] {
  return text === null ? [] : (JSON.parse(text) as Stored).quotas;
}

/** Those of runs that are being opened, in the transaction of their headers. */
export async function insertQuotas(tx: Tx, runs: readonly { run_id: string; quotas: readonly NewQuota[] }[]): Promise<void> {
  const some = runs.filter(({ quotas }) => quotas.length > 0);
  if (some.length === 0) return;
  const values = some.flatMap(({ run_id, quotas }): SqlValue[] => [run_id, JSON.stringify(numbered(quotas, 0)), firstRelease(quotas)]);
  await tx.execute(`INSERT IGNORE INTO run_quota (run_id, quotas, changed_at, next_action_time, attempts) VALUES ${valuesOf('(?, ?, UTC_TIMESTAMP(3), ?, 0)', some.length)}`, values);
}

/** Replaces them under new numbers, due at once, with its audit record. */
export async function replaceQuotas(db: Database, run_id: string, quotas: readonly NewQuota[], by: { actor: string; request_id: string; clock: Clock; random: Random }): Promise<Quota[]> {
  return db.transaction(async (tx) => {
    await tx.execute("INSERT IGNORE INTO run_quota (run_id, quotas, changed_at, next_action_time, attempts) VALUES (?, ?, UTC_TIMESTAMP(3), NULL, 0)", [run_id, JSON.stringify({ next: 0, quotas: [] })]);
    const [row] = await tx.execute<{ quotas: string }>('SELECT quotas FROM run_quota WHERE run_id = ? FOR UPDATE', [run_id]);
    const stored = numbered(quotas, (JSON.parse(row!.quotas) as Stored).next);
    await tx.execute('UPDATE run_quota SET quotas = ?, changed_at = UTC_TIMESTAMP(3), next_action_time = UTC_TIMESTAMP(3), attempts = 0 WHERE run_id = ?', [JSON.stringify(stored), run_id]);
    const act = { account_id: by.actor, service: 'inventory', request_id: by.request_id, reason: '' };
    const audit = operatorAudit({ operation: 'SetRunQuotas', target: `run/${run_id}`, version: stored.next, act }, by.clock.now_ms(), by.random);
    await tx.execute(audit.sql, audit.params);
    return stored.quotas;
  });
}

/** The same due time again and again is no change, so a sweep in two processes moves it once. */
export async function scheduleQuotas(db: Database, run_id: string, due_ms: number | undefined): Promise<void> {
  await db.query('UPDATE run_quota SET next_action_time = ?, attempts = 0 WHERE run_id = ?', [due_ms === undefined ? null : new Date(due_ms), run_id]);
}

/** Runs whose quotas were changed lately. */
export async function changedQuotas(db: Database): Promise<{ run_id: string; quotas: readonly Quota[] }[]> {
  const rows = await db.query<{ run_id: string; quotas: string }>(`SELECT run_id, quotas FROM run_quota WHERE changed_at > UTC_TIMESTAMP(3) - ${CHANGED_WITHIN}`);
  return rows.map(({ run_id, quotas }) => ({ run_id, quotas: quotasFromText(quotas) }));
}

function numbered(quotas: readonly NewQuota[], first: number): Stored {
  return { next: first + quotas.length, quotas: quotas.map((quota, index) => ({ ...quota, number: first + index })) };
}

function firstRelease(quotas: readonly NewQuota[]): Date | null {
  const times = quotas.flatMap(({ release_ms }) => release_ms ?? []);
  return times.length === 0 ? null : new Date(Math.min(...times));
}
