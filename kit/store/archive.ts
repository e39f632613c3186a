// What becomes of answers by request id when they are old (requirements 幂等记录: 在线 7 天, 归档 30 天; DESIGN §5).
import type { Database, Tx } from './mysql.ts';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';

/** The table that old answers are moved to. Part of checksummed migrations: never edit it. */
export function archiveTables(): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS idempotency_archive (
    account_id VARCHAR(40) ${TEXT} NOT NULL,
    request_id BINARY(16) NOT NULL,
    method VARCHAR(128) ${TEXT} NOT NULL,
    body_hash BINARY(32) NOT NULL,
    answer LONGBLOB NULL,
    created_at DATETIME(3) NOT NULL,
    archived_at DATETIME(3) NOT NULL,
    PRIMARY KEY (account_id, request_id),
    KEY idempotency_archive_archived (archived_at)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
  ];
}

export interface Archived {
  readonly archived: number;
  readonly deleted: number;
}

/** A day more than ids are accepted for (idempotency.ts), so that no answer goes while its request may still come again. */
const ONLINE_DAYS = 8;
const ARCHIVE_DAYS = 30;

/**
 * Moves a bounded batch of answers to the archive and deletes a bounded batch of what lay there long enough. Nothing is
 * left to do when both counts are below the limit. Two that do it at once move each row once.
 */
export async function archiveRequestIds(db: Database, limit = 2_000): Promise<Archived> {
  const archived = await db.transaction((tx) => moveOld(tx, limit));
  const { affected_rows } = await db.query(`DELETE FROM idempotency_archive WHERE archived_at < UTC_TIMESTAMP(3) - INTERVAL ${ARCHIVE_DAYS} DAY LIMIT ?`, [limit]);
  return { archived, deleted: affected_rows };
}

async function moveOld(tx: Tx, limit: number): Promise<number> {
  const old = await tx.execute<{ account_id: string; request_id: Buffer }>(
    `SELECT account_id, request_id FROM idempotency WHERE created_at < UTC_TIMESTAMP(3) - INTERVAL ${ONLINE_DAYS} DAY ORDER BY created_at LIMIT ? FOR UPDATE`,
    [limit],
  );
  if (old.length === 0) return 0;
  const keys = old.map(() => '(?, ?)').join(', ');
  const params = old.flatMap(({ account_id, request_id }) => [account_id, request_id]);
  await tx.execute(
    `INSERT IGNORE INTO idempotency_archive (account_id, request_id, method, body_hash, answer, created_at, archived_at)
     SELECT account_id, request_id, method, body_hash, answer, created_at, UTC_TIMESTAMP(3) FROM idempotency WHERE (account_id, request_id) IN (${keys})`,
    params,
  );
  return (await tx.execute(`DELETE FROM idempotency WHERE (account_id, request_id) IN (${keys})`, params)).affected_rows;
}
