import type { AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok } from '#kit/base/result.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { BlockStore, Case, EvidenceStore, Verdict } from '../app/ports.ts';
import { maskSubject, type SubjectKind } from '../domain/block.ts';
import type { Decision } from '../domain/decision.ts';
import { writeOnce } from './written.ts';

type Row = {
  evidence_id: string; operation: string; decision: Decision; reason: string; subjects_json: string; created_at: Date;
  verdict: Verdict; note: string; reviewed_by: string; reviewed_at: Date | null;
};

/** Cases for people: who is shown masked, and found by blind index. */
export function openEvidenceStore(db: Database, blocks: Pick<BlockStore, 'keyOf'>, keys: AuditKeys, clock: Clock): EvidenceStore {
  return {
    async add({ evidence_id, operation, decision, reason, subjects, time_ms }) {
      const kept = subjects.map((subject) => ({ kind: subject.kind, key: blocks.keyOf(subject), masked: maskSubject(subject) }));
      await db.query('INSERT INTO evidence (evidence_id, operation, decision, reason, subjects_json, created_at) VALUES (?, ?, ?, ?, ?, ?)', [
        evidence_id, operation, decision, reason, JSON.stringify(kept), new Date(time_ms),
      ]);
    },
    async list(verdict, page_size, before) {
      const one = verdict === undefined ? '' : ' AND verdict = ?';
      const rows = await db.query<Row>(`SELECT * FROM evidence WHERE evidence_id < ?${one} ORDER BY evidence_id DESC LIMIT ?`, [before ?? '~', ...(verdict === undefined ? [] : [verdict]), page_size]);
      const items = rows.map(caseOf);
      return { items, next: items.length < page_size ? undefined : items.at(-1)!.evidence_id };
    },
    review(evidence_id, verdict, note, actor) {
      const now_ms = clock.now_ms();
      return writeOnce<Case>(db, keys, actor, now_ms, async (tx) => {
        const [row] = await tx.execute<Row>('SELECT * FROM evidence WHERE evidence_id = ? FOR UPDATE', [evidence_id]);
        if (row === undefined) return fail('EVIDENCE_NOT_FOUND');
        await tx.execute('UPDATE evidence SET verdict = ?, note = ?, reviewed_by = ?, reviewed_at = ? WHERE evidence_id = ?', [verdict, note, actor.account_id, new Date(now_ms), evidence_id]);
        const answer = { ...caseOf(row), verdict, note, reviewed_by: actor.account_id, review_time_ms: now_ms };
        return ok({ answer, operation: `risk.Review${verdict === 'CONFIRMED' ? 'Confirmed' : 'Cleared'}`, target: `evidence/${evidence_id}` });
      });
    },
  };
}

function caseOf(row: Row): Case {
  const subjects = JSON.parse(row.subjects_json) as { kind: SubjectKind; masked: string }[];
  return {
    evidence_id: row.evidence_id, operation: row.operation, decision: row.decision, reason: row.reason, time_ms: row.created_at.getTime(), subjects: subjects.map(({ kind, masked }) => ({ kind, masked })),
    verdict: row.verdict, note: row.note, reviewed_by: row.reviewed_by, review_time_ms: row.reviewed_at?.getTime(),
  };
}
