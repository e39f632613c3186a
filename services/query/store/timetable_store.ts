import { createHash } from 'node:crypto';
import { writeAudit, type AuditKeys } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Database, Tx } from '#kit/store/mysql.ts';
import { nextRevision } from './revisions.ts';
import type { Actor, TimetableStore, TimetableVersion } from '../app/ports.ts';

type Row = { version: string; checksum: string; source: string; station_count: number | bigint; train_count: number | bigint; imported_at: Date };

const MAX_LISTED = 100;
const COLUMNS = 'version, checksum, source, station_count, train_count, imported_at';

export function openTimetableStore(db: Database, keys: AuditKeys, clock: Clock): TimetableStore {
  async function activate(tx: Tx, version: string, operation: string, actor: Actor): Promise<TimetableVersion> {
    const now = new Date(clock.now_ms());
    const [newest] = await tx.execute<{ version: string }>('SELECT version FROM timetable_activation ORDER BY activation_no DESC LIMIT 1 FOR UPDATE');
    if (newest?.version !== version) {
      const revision = await nextRevision(tx);
      await tx.execute('INSERT INTO timetable_activation (version, revision, activated_at) VALUES (?, ?, ?)', [version, revision, now]);
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
      const [row] = await db.query<{ version: string; revision: bigint }>('SELECT version, revision FROM timetable_activation ORDER BY activation_no DESC LIMIT 1');
      return row === undefined ? undefined : { version: row.version, revision: Number(row.revision) };
    },
    async feedOf(version) {
      const [row] = await db.query<{ feed: Buffer; feed_checksum: string }>('SELECT feed, feed_checksum FROM timetable_version WHERE version = ?', [version]);
      return row === undefined ? undefined : { feed: row.feed, checksum: row.feed_checksum };
    },
    async list() {
      const active = await this.active();
      const rows = await db.query<Row>(`SELECT ${COLUMNS} FROM timetable_version ORDER BY imported_at DESC LIMIT ?`, [MAX_LISTED]);
      return rows.map((row) => versionOf(row, row.version === active?.version));
    },
    activate(timetable, feed, actor) {
      return db.transaction(async (tx) => {
        await tx.execute('INSERT IGNORE INTO timetable_version (version, checksum, source, station_count, train_count, feed, feed_checksum, imported_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)', [
          timetable.version, timetable.checksum, `${timetable.feed.publisher_name} ${timetable.feed.feed_version}`.slice(0, 300), timetable.stations.length, timetable.trains.length, feed, createHash('sha256').update(feed).digest('hex'), new Date(clock.now_ms()),
        ]);
        return activate(tx, timetable.version, 'timetable.Activate', actor);
      });
    },
    reactivate(version, actor, instead_of) {
      return db.transaction(async (tx) => {
        if (instead_of !== undefined) {
          const [newest] = await tx.execute<{ version: string }>('SELECT version FROM timetable_activation ORDER BY activation_no DESC LIMIT 1 FOR UPDATE');
          if (newest?.version !== instead_of) return undefined;
        }
        const kept = await tx.execute('SELECT 1 FROM timetable_version WHERE version = ?', [version]);
        return kept.length === 0 ? undefined : activate(tx, version, 'timetable.RollBack', actor);
      });
    },
    async before(version) {
      const [row] = await db.query<{ version: string }>(
        'SELECT version FROM timetable_activation WHERE version <> ? AND activation_no < (SELECT MAX(activation_no) FROM timetable_activation WHERE version = ?) ORDER BY activation_no DESC LIMIT 1',
        [version, version],
      );
      return row?.version;
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
