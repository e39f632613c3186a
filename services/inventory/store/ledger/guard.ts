// What every transaction of the ledger begins with, and what its errors mean.
import { CommitUnknown, isDuplicateKey } from '#kit/store/errors.ts';
import type { Database, SqlRow, Tx } from '#kit/store/mysql.ts';
import { LedgerRefused, OutcomeUnknown } from '../../app/ports.ts';

/** LOCK IN SHARE MODE, because MariaDB has no FOR SHARE. A bump waits until these transactions have ended. */
export const EPOCHS_SHARED = 'SELECT bucket, epoch FROM bucket_epoch WHERE bucket IN (?) ORDER BY bucket LOCK IN SHARE MODE';

/** Throws LedgerRefused('EPOCH') unless every bucket still has the epoch that Redis was asked with. */
export function checkEpochs(rows: readonly SqlRow[], expected: ReadonlyMap<number, number>): void {
  const epochs = new Map((rows as { bucket: number; epoch: number }[]).map(({ bucket, epoch }) => [bucket, epoch]));
  for (const [bucket, epoch] of expected) if (epochs.get(bucket) !== epoch) throw new LedgerRefused('EPOCH');
}

export async function requireEpoch(tx: Tx, bucket: number, epoch: number): Promise<void> {
  checkEpochs(await tx.execute(EPOCHS_SHARED, [[bucket]]), new Map([[bucket, epoch]]));
}

const SEQUENCE_KEY = 'bucket_sequence_once';
const TIMEOUT_MS = 5_000;

/** A ledger transaction. Throws LedgerRefused (rolled back), OutcomeUnknown (may have happened), or what kit/store throws. */
export async function ledgerTransaction<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await db.transaction(work, { timeout_ms: TIMEOUT_MS });
  } catch (error) {
    if (error instanceof CommitUnknown) throw new OutcomeUnknown('the answer to a commit was lost', { cause: error });
    if (isDuplicateKey(error, SEQUENCE_KEY)) throw new LedgerRefused('SEQUENCE', { cause: error });
    if (isDuplicateKey(error)) throw new LedgerRefused('HOLD_ID', { cause: error });
    throw error;
  }
}
