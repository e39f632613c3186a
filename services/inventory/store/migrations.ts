import { archiveTables } from '#kit/store/archive.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const END = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';

/**
 * The ledger. `run_no` stands for the run in every hot row: it is the shard key and a third of the length of `run_id`.
 * A seat's row says on which segments it is taken (bit s = segment s); rows of a run appear with its first hold.
 */
export const migrations: Migration[] = [
  {
    name: '0001_ledger',
    up: [
      ...kitTables({ outbox: true, lease: true, audit: true, idempotency: true }),
      `CREATE TABLE IF NOT EXISTS bucket_epoch (
        bucket SMALLINT NOT NULL,
        epoch INT NOT NULL,
        updated_at DATETIME(3) NOT NULL,
        PRIMARY KEY (bucket)
      ) ${END}`,
      // A named unique key instead of a primary one: MariaDB's message tells a key's name but not its table.
      `CREATE TABLE IF NOT EXISTS bucket_sequence (
        bucket SMALLINT NOT NULL,
        epoch INT NOT NULL,
        sequence BIGINT NOT NULL,
        part INT NOT NULL,
        created_at DATETIME(3) NOT NULL,
        UNIQUE KEY bucket_sequence_once (bucket, epoch, sequence, part),
        KEY bucket_sequence_created (created_at)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS seat_layout (
        layout_hash CHAR(19) ${TEXT} NOT NULL,
        coaches TEXT NOT NULL,
        PRIMARY KEY (layout_hash)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS layout_seat (
        layout_hash CHAR(19) ${TEXT} NOT NULL,
        class_code TINYINT NOT NULL,
        seat SMALLINT NOT NULL,
        PRIMARY KEY (layout_hash, class_code, seat)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS train_run (
        run_no BIGINT NOT NULL AUTO_INCREMENT,
        run_id VARCHAR(48) ${TEXT} NOT NULL,
        bucket SMALLINT NOT NULL,
        service_date DATE NOT NULL,
        timetable_version VARCHAR(64) ${TEXT} NOT NULL,
        layout_hash CHAR(19) ${TEXT} NOT NULL,
        stops TEXT NOT NULL,
        segments TINYINT NOT NULL,
        standing_capacity SMALLINT NOT NULL,
        seats_at_opening INT NOT NULL,
        sale_start_at DATETIME(3) NOT NULL,
        sale_end_at DATETIME(3) NOT NULL,
        state VARCHAR(8) ${TEXT} NOT NULL,
        materialised TINYINT NOT NULL,
        version BIGINT NOT NULL,
        created_at DATETIME(3) NOT NULL,
        updated_at DATETIME(3) NOT NULL,
        PRIMARY KEY (run_no),
        UNIQUE KEY train_run_id (run_id),
        KEY train_run_bucket (bucket, sale_end_at),
        KEY train_run_date (service_date)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS seat_ledger (
        run_no BIGINT NOT NULL,
        class_code TINYINT NOT NULL,
        seat SMALLINT NOT NULL,
        occupied BIGINT UNSIGNED NOT NULL,
        PRIMARY KEY (run_no, class_code, seat)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS standing_ledger (
        run_no BIGINT NOT NULL,
        segment TINYINT NOT NULL,
        used SMALLINT NOT NULL,
        capacity SMALLINT NOT NULL,
        PRIMARY KEY (run_no, segment)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS seat_hold (
        hold_id VARCHAR(64) ${TEXT} NOT NULL,
        run_no BIGINT NOT NULL,
        run_id VARCHAR(48) ${TEXT} NOT NULL,
        bucket SMALLINT NOT NULL,
        state VARCHAR(8) ${TEXT} NOT NULL,
        owner VARCHAR(9) ${TEXT} NOT NULL,
        version INT NOT NULL,
        seat_version INT NOT NULL,
        order_id VARCHAR(32) ${TEXT} NOT NULL,
        account_id VARCHAR(32) ${TEXT} NOT NULL,
        body_hash BINARY(16) NOT NULL,
        places MEDIUMTEXT NOT NULL,
        reason VARCHAR(64) NOT NULL,
        expires_at DATETIME(3) NOT NULL,
        next_action_time DATETIME(3) NULL,
        attempts INT NOT NULL,
        created_at DATETIME(3) NOT NULL,
        updated_at DATETIME(3) NOT NULL,
        PRIMARY KEY (hold_id),
        KEY seat_hold_run (run_no, state),
        KEY seat_hold_bucket (bucket, state),
        KEY seat_hold_due (next_action_time)
      ) ${END}`,
    ],
  },
  { name: '0001a_archive', up: archiveTables() },
  {
    // 1: closed by an operator. A version that does not know the column reopens such a bucket, so none are closed during its rollout.
    name: '0002_closed_buckets',
    up: ['ALTER TABLE bucket_epoch ADD COLUMN closed TINYINT NOT NULL DEFAULT 0'],
  },
  {
    name: '0003_run_quotas',
    up: [
      // Driven like every row that is not final: next_action_time says when the next quota becomes everybody's.
      `CREATE TABLE IF NOT EXISTS run_quota (
        run_id VARCHAR(48) ${TEXT} NOT NULL,
        quotas TEXT NOT NULL,
        changed_at DATETIME(3) NOT NULL,
        next_action_time DATETIME(3) NULL,
        attempts INT NOT NULL,
        PRIMARY KEY (run_id),
        KEY run_quota_changed (changed_at),
        KEY run_quota_due (next_action_time)
      ) ${END}`,
    ],
  },
  {
    // Every hold writes these tables, and nobody asks by these keys: no device and no address stands in this audit.
    name: '0004_fewer_keys',
    up: [
      'ALTER TABLE seat_hold DROP KEY seat_hold_bucket',
      'ALTER TABLE audit_record DROP KEY audit_device, DROP KEY audit_ip',
    ],
  },
  {
    // 0: its keys in Redis were deleted, long after its sale. Found by the index without looking at runs that are done.
    name: '0005_runs_leave_redis',
    up: ['ALTER TABLE train_run ADD COLUMN in_redis TINYINT NOT NULL DEFAULT 1, ADD KEY train_run_in_redis (in_redis, sale_end_at)'],
  },
  {
    name: '0006_run_changes',
    up: [
      // `revision`: the railway's newest word that the ledger has. `gone`: spans of seats that are not there any more.
      `ALTER TABLE train_run ADD COLUMN revision BIGINT NOT NULL DEFAULT 0, ADD COLUMN cancelled TINYINT NOT NULL DEFAULT 0, ADD COLUMN gone TEXT NULL,
         ADD COLUMN changed_at DATETIME(3) NULL, ADD KEY train_run_changed (changed_at)`,
      `CREATE TABLE IF NOT EXISTS run_notice (
        run_id VARCHAR(48) ${TEXT} NOT NULL,
        revision BIGINT NOT NULL,
        kinds VARCHAR(64) ${TEXT} NOT NULL,
        reason TEXT NOT NULL,
        previous_stops TEXT NOT NULL,
        changed_at DATETIME(3) NOT NULL,
        next_action_time DATETIME(3) NULL,
        attempts INT NOT NULL,
        PRIMARY KEY (run_id),
        KEY run_notice_due (next_action_time)
      ) ${END}`,
      // How far the timetable has been followed.
      `CREATE TABLE IF NOT EXISTS timetable_followed (
        id TINYINT NOT NULL,
        revision BIGINT NOT NULL,
        timetable_revision BIGINT NOT NULL,
        PRIMARY KEY (id)
      ) ${END}`,
    ],
  },
  {
    // Whether somebody waits for seats of a run; read by every release of it.
    name: '0007_run_standby',
    up: [
      `CREATE TABLE IF NOT EXISTS run_standby (
        run_no BIGINT NOT NULL,
        waiting TINYINT NOT NULL,
        version BIGINT NOT NULL,
        PRIMARY KEY (run_no)
      ) ${END}`,
    ],
  },
];
