import type { Clock } from '#kit/base/clock.ts';
import { geneOf } from '#kit/base/snowflake.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import { leaseIds } from '#kit/store/ids.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { Log } from '#kit/telemetry/log.ts';

/** Order ids with the account's gene, so that an id alone says where it lives. */
export async function leaseOrderIds(db: Database, clock: Clock, log: Log, lifecycle: Lifecycle): Promise<(account_id: string) => string> {
  const ids = await leaseIds({ db, clock, log, lifecycle });
  return (account_id) => String(ids.next(geneOf(BigInt(account_id))));
}
