// The epoch of each bucket: bumped when Redis lost what it knew, so that nothing decided before is committed after; and
// whether an operator keeps the bucket closed.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { acquireLease, releaseLease, renewLease } from '#kit/store/lease.ts';
import type { Database, SqlValue, Tx } from '#kit/store/mysql.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { BucketEpoch, Epochs, OperatorAct } from '../app/ports.ts';
import { operatorAudit } from './ledger/audit_rows.ts';

export type EpochOptions = { db: Database; owner: string; log: Log; clock: Clock; random: Random };

const LEASE_TTL_MS = 15_000;
/** A bump waits for the row locks of ticks under way, each wait a second at most. */
const BUMP = { attempts: 20 };
/** The greatest sequence is the last entry of the unique key, not a scan. */
const READ = `SELECT e.bucket, e.epoch, e.closed,
  (SELECT s.sequence FROM bucket_sequence s WHERE s.bucket = e.bucket AND s.epoch = e.epoch ORDER BY s.sequence DESC LIMIT 1) AS sequence
  FROM bucket_epoch e WHERE e.bucket IN (?)`;

export function openEpochs({ db, owner, log, clock, random }: EpochOptions): Epochs {
  const audit = (tx: Tx, operation: 'CloseBucket' | 'ReopenBucket', bucket: number, epoch: number, act: OperatorAct) => {
    const { sql, params } = operatorAudit({ operation, target: `bucket/${bucket}`, version: epoch, act }, clock.now_ms(), random);
    return tx.execute(sql, params);
  };
  return {
    async read(buckets) {
      const rows = await db.query<{ bucket: number; epoch: number; closed: number; sequence: bigint | null }>(READ, [buckets as SqlValue]);
      return new Map(rows.map(({ bucket, epoch, closed, sequence }): [number, BucketEpoch] => [bucket, { epoch, closed: closed === 1, sequence: BigInt(sequence ?? 0) }]));
    },
    async bump(bucket, reopening) {
      return db.transaction(async (tx) => {
        const { epoch, closed } = await lockBucket(tx, bucket);
        if (closed && reopening === undefined) return undefined;
        await setBucket(tx, bucket, epoch + 1, false);
        if (closed && reopening !== undefined) await audit(tx, 'ReopenBucket', bucket, epoch + 1, reopening);
        return epoch + 1;
      }, BUMP);
    },
    async close(bucket, act) {
      return db.transaction(async (tx) => {
        const { epoch, closed } = await lockBucket(tx, bucket);
        if (closed) return epoch;
        await setBucket(tx, bucket, epoch + 1, true);
        await audit(tx, 'CloseBucket', bucket, epoch + 1, act);
        return epoch + 1;
      }, BUMP);
    },
    async withLease(bucket, work) {
      const lease = await acquireLease(db, { name: `rebuild:${bucket}`, owner, ttl_ms: LEASE_TTL_MS });
      if (lease === undefined) return undefined;
      const aborter = new AbortController();
      const renewing = (async () => {
        while (!aborter.signal.aborted) {
          await sleep(LEASE_TTL_MS / 3, undefined, { signal: aborter.signal }).catch(() => {});
          // A lease that was lost is harmless: the successor bumps, and this rebuild's writes carry the older epoch.
          if (!aborter.signal.aborted) await renewLease(db, lease, LEASE_TTL_MS).catch((error: unknown) => log.warn({ error, bucket }, 'rebuild lease not renewed'));
        }
      })();
      try {
        return await work();
      } finally {
        aborter.abort();
        await renewing;
        await releaseLease(db, lease).catch((error: unknown) => log.warn({ error, bucket }, 'rebuild lease not released'));
      }
    },
  };
}

/** Locked until the transaction ends, so it waits for every ledger transaction that shares the row. */
async function lockBucket(tx: Tx, bucket: number): Promise<{ epoch: number; closed: boolean }> {
  await tx.execute('INSERT INTO bucket_epoch (bucket, epoch, updated_at) VALUES (?, 0, UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE epoch = epoch', [bucket]);
  const [row] = await tx.execute<{ epoch: number; closed: number }>('SELECT epoch, closed FROM bucket_epoch WHERE bucket = ?', [bucket]);
  return { epoch: row!.epoch, closed: row!.closed === 1 };
}

async function setBucket(tx: Tx, bucket: number, epoch: number, closed: boolean): Promise<void> {
  await tx.execute('UPDATE bucket_epoch SET epoch = ?, closed = ?, updated_at = UTC_TIMESTAMP(3) WHERE bucket = ?', [epoch, closed ? 1 : 0, bucket]);
}
