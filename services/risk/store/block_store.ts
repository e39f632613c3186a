import type { AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { fail, ok } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { BlockStore } from '../app/ports.ts';
import { maskSubject, type Block, type BlockKind, type Subject, type SubjectKind } from '../domain/block.ts';
import { writeOnce } from './written.ts';

type Row = {
  block_id: string; kind: BlockKind; subject_kind: SubjectKind; subject_key: string; subject_masked: string;
  reason: string; created_by: string; created_at: Date; expires_at: Date | null;
};

/** Lists longer than this need another place than memory. */
const MAX_ACTIVE = 100_000;

export function openBlockStore(db: Database, keys: AuditKeys, clock: Clock, random: Random): BlockStore {
  // Account ids are not personal data; everything else is looked up by blind index.
  const keyOf = ({ kind, value }: Subject): string => (kind === 'ACCOUNT' ? value : Buffer.from(keys.index.of(`block.${kind}`, value)).toString('hex'));
  return {
    keyOf,
    async active() {
      const rows = await db.query<Row>('SELECT * FROM block WHERE expires_at IS NULL OR expires_at > ? LIMIT ?', [new Date(clock.now_ms()), MAX_ACTIVE]);
      return rows.map(blockOf);
    },
    async list(page_size, after) {
      const rows = await db.query<Row>('SELECT * FROM block WHERE block_id < ? ORDER BY block_id DESC LIMIT ?', [after ?? '~', page_size]);
      const items = rows.map(blockOf);
      return { items, next: items.length < page_size ? undefined : items.at(-1)!.block_id };
    },
    add({ kind, subject, reason, expire_time_ms }, actor) {
      const create_time_ms = clock.now_ms();
      return writeOnce<Block>(db, keys, actor, create_time_ms, async (tx) => {
        const block: Block = {
          block_id: formatUuid7(create_time_ms, random.bytes(10)), kind, subject_kind: subject.kind, subject_key: keyOf(subject), subject_masked: maskSubject(subject),
          reason, created_by: actor.account_id, create_time_ms, expire_time_ms,
        };
        await tx.execute('INSERT INTO block (block_id, kind, subject_kind, subject_key, subject_masked, reason, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [
          block.block_id, kind, block.subject_kind, block.subject_key, block.subject_masked, reason, actor.account_id, new Date(create_time_ms),
          expire_time_ms === undefined ? null : new Date(expire_time_ms),
        ]);
        return ok({ answer: block, operation: 'risk.Block', target: `block/${block.block_id}` });
      });
    },
    async remove(block_id, actor) {
      const removed = await writeOnce<null>(db, keys, actor, clock.now_ms(), async (tx) => {
        const { affected_rows } = await tx.execute('DELETE FROM block WHERE block_id = ?', [block_id]);
        return affected_rows === 0 ? fail('BLOCK_NOT_FOUND') : ok({ answer: null, operation: 'risk.Unblock', target: `block/${block_id}` });
      });
      return removed.ok ? ok(undefined) : removed;
    },
  };
}

function blockOf(row: Row): Block {
  return {
    block_id: row.block_id,
    kind: row.kind,
    subject_kind: row.subject_kind,
    subject_key: row.subject_key,
    subject_masked: row.subject_masked,
    reason: row.reason,
    created_by: row.created_by,
    create_time_ms: row.created_at.getTime(),
    expire_time_ms: row.expires_at?.getTime(),
  };
}
