import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import type { Actor, TimetableStore, TimetableVersion } from '../app/ports.ts';

type Row = { version: string; checksum: string; source: string; station_count: number | bigint; train_count: number | bigint; imported_at: Date };

const MAX_LISTED = 100;
const COLUMNS = 'version, checksum, source, station_count, train_count, imported_at';

export function openTimetableStore(db: Database, keys: AuditKeys, clock: Clock): TimetableStore {
  async function activate(tx: Tx, version: string, operation: string, actor: Actor): Promise<TimetableVersion> {
    const now = new Date(clock.now_ms());
    const [newest] = await tx.execute<{ version: string }>('SELECT version FROM timetable_activation ORDER BY activation_no DESC LIMIT 1 FOR UPDATE');
    if (newest?.version !== version) {
      await tx.execute('INSERT INTO timetable_activation (version, activated_at) VALUES (?, ?)', [version, now]);
      await writeAudit(tx, keys, {
        actor_account: actor.account_id, actor_service: actor.service, device_id: actor.device_id, ip: actor.ip, operation, target: `timetable/${version}`, result: 'ok',
        request_id: actor.request_id === '' ? undefined : actor.request_id, time: now,
      });
    }
    const [row] = await tx.execute<Row>(`SELECT ${COLUMNS} FROM timetable_version WHERE version = ?`, [version]);
    return versionOf(row!, true);
  }

  return {
    async active() {
      const [row] = await db.query<{ version: string }>('SELECT version FROM timetable_activation ORDER BY activation_no DESC LIMIT 1');
      return row;
    },
    async feedOf(version) {
      const [row] = await db.query<{ feed: Buffer }>('SELECT feed FROM timetable_version WHERE version = ?', [version]);
      return row?.feed;
    },
    async list() {
      const active = await this.active();
      const rows = await db.query<Row>(`SELECT ${COLUMNS} FROM timetable_version ORDER BY imported_at DESC LIMIT ?`, [MAX_LISTED]);
      return rows.map((row) => versionOf(row, row.version === active?.version));
    },
    activate(timetable, feed, actor) {
      return db.transaction(async (tx) => {
        await tx.execute('INSERT IGNORE INTO timetable_version (version, checksum, source, station_count, train_count, feed, imported_at) VALUES (?, ?, ?, ?, ?, ?, ?)', [
          timetable.version, timetable.checksum, `${timetable.feed.publisher_name} ${timetable.feed.feed_version}`.slice(0, 300), timetable.stations.length, timetable.trains.length, feed, new Date(clock.now_ms()),
        ]);
        return activate(tx, timetable.version, 'timetable.Activate', actor);
      });
    },
    reactivate(version, actor) {
      return db.transaction(async (tx) => {
        const kept = await tx.execute('SELECT 1 FROM timetable_version WHERE version = ?', [version]);
        return kept.length === 0 ? undefined : activate(tx, version, 'timetable.RollBack', actor);
      });
    },
  };
}

function versionOf(row: Row, active: boolean): TimetableVersion {
  return {
    version: row.version,
    checksum: row.checksum,
    source: row.source,
    import_time_ms: row.imported_at.getTime(),
    active,
    station_count: Number(row.station_count),
    train_count: Number(row.train_count),
  };
}
