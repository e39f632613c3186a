import type { Tx } from '#kit/store/mysql.ts';

/** The next revision of the timetable; locks the counter until the transaction ends, so that revisions are committed in order. */
export async function nextRevision(tx: Tx): Promise<number> {
  await tx.execute('INSERT INTO timetable_revision (id, revision, sequence) VALUES (1, 1, 0) ON DUPLICATE KEY UPDATE revision = revision + 1');
  const [row] = await tx.execute<{ revision: bigint }>('SELECT revision FROM timetable_revision WHERE id = 1');
  return Number(row!.revision);
}
