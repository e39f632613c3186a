// The epoch of each bucket: bumped when Redis lost what it knew, so that nothing decided before is committed after.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#kit/telemetry/log.ts';
import { acquireLease, releaseLease, renewLease } from '#kit/store/lease.ts';
import type { Database, SqlValue } from '#kit/store/mysql.ts';
import type { Epochs } from '../app/ports.ts';

const LEASE_TTL_MS = 15_000;

export function openEpochs(db: Database, owner: string, log: Log): Epochs {
  return {
    async read(buckets) {
      const rows = await db.query<{ bucket: number; epoch: number }>('SELECT bucket, epoch FROM bucket_epoch WHERE bucket IN (?)', [buckets as SqlValue]);
      return new Map(rows.map(({ bucket, epoch }) => [bucket, epoch]));
    },
    async bump(bucket) {
      return db.transaction(async (tx) => {
        await tx.execute('INSERT INTO bucket_epoch (bucket, epoch, updated_at) VALUES (?, 1, UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE epoch = epoch + 1, updated_at = UTC_TIMESTAMP(3)', [bucket]);
        const [row] = await tx.execute<{ epoch: number }>('SELECT epoch FROM bucket_epoch WHERE bucket = ?', [bucket]);
        return row!.epoch;
      }, { attempts: 20 });
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
