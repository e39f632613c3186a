import type { AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok } from '#kit/base/result.ts';
import { isDuplicateKey } from '#kit/store/errors.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { ConfigEntry, ConfigStore, GrayRule } from '../app/ports.ts';
import { writeOnce } from './written.ts';

type Row = { config_key: string; version: bigint | number; value_json: string; gray_json: string | null; comment: string; updated_by: string; updated_at: Date };

const MAX_KEYS = 1000;

export function openConfigStore(db: Database, keys: AuditKeys, clock: Clock): ConfigStore {
  return {
    async current() {
      const rows = await db.query<Row>(
        `SELECT c.* FROM config_version c JOIN (SELECT config_key, MAX(version) AS version FROM config_version GROUP BY config_key) newest
           ON newest.config_key = c.config_key AND newest.version = c.version LIMIT ?`,
        [MAX_KEYS],
      );
      return rows.map(entryOf);
    },
    async versions(key, page_size, before) {
      const rows = await db.query<Row>('SELECT * FROM config_version WHERE config_key = ? AND version < ? ORDER BY version DESC LIMIT ?', [key, before ?? Number.MAX_SAFE_INTEGER, page_size]);
      const items = rows.map(entryOf);
      return { items, next: items.length < page_size ? undefined : String(items.at(-1)!.version) };
    },
    put(entry, base_version, actor) {
      const now_ms = clock.now_ms();
      const written = writeOnce<ConfigEntry>(db, keys, actor, now_ms, async (tx) => {
        const [newest] = await tx.execute<Row>('SELECT * FROM config_version WHERE config_key = ? ORDER BY version DESC LIMIT 1 FOR UPDATE', [entry.key]);
        const version = Number(newest?.version ?? 0);
        if (version !== base_version) return fail('VERSION_STALE', { metadata: { key: entry.key, version: String(version) } });
        const written: ConfigEntry = { ...entry, version: version + 1, update_time_ms: now_ms, updated_by: actor.account_id };
        const gray_json = entry.gray === undefined ? null : JSON.stringify(entry.gray);
        // The primary key refuses a second writer of the same version, whom the read above could not see.
        await tx.execute('INSERT INTO config_version (config_key, version, value_json, gray_json, comment, updated_by, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)', [
          entry.key, written.version, entry.value_json, gray_json, entry.comment, actor.account_id, new Date(now_ms),
        ]);
        return ok({ answer: written, operation: 'config.Set', target: `config/${entry.key}`, version: written.version });
      });
      return written.catch((error: unknown) => {
        if (!isDuplicateKey(error)) throw error;
        return fail('VERSION_STALE', { metadata: { key: entry.key } });
      });
    },
  };
}

function entryOf(row: Row): ConfigEntry {
  return {
    key: row.config_key,
    value_json: row.value_json,
    version: Number(row.version),
    update_time_ms: row.updated_at.getTime(),
    updated_by: row.updated_by,
    comment: row.comment,
    gray: row.gray_json === null ? undefined : (JSON.parse(row.gray_json) as GrayRule),
  };
}
