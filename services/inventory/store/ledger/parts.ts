import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { HoldChange } from '../../app/ports.ts';

/** What the ledger's transactions need. `publish` adds the events of changes to the transaction's outbox. */
export type LedgerParts = {
  db: Database;
  clock: Clock;
  random: Random;
  /** How long released places are kept for those who wait. */
  keep_ms: number;
  publish: (tx: Tx, changes: readonly HoldChange[]) => Promise<void>;
};
