import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

export const migrations: Migration[] = [
  {
    name: '0001_timetable',
    up: [
      ...kitTables({ audit: true }),
      // The feed as it came, so that any replica can load any kept version again.
      `CREATE TABLE IF NOT EXISTS timetable_version (
         version VARCHAR(64) NOT NULL PRIMARY KEY,
         checksum CHAR(64) NOT NULL,
         source VARCHAR(300) NOT NULL,
         station_count INT NOT NULL,
         train_count INT NOT NULL,
         feed MEDIUMBLOB NOT NULL,
         imported_at DATETIME(3) NOT NULL
       ) ENGINE=InnoDB`,
      // Activations only grow; the newest names the active version.
      `CREATE TABLE IF NOT EXISTS timetable_activation (
         activation_no BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
         version VARCHAR(64) NOT NULL,
         activated_at DATETIME(3) NOT NULL
       ) ENGINE=InnoDB`,
    ],
  },
  {
    name: '0002_run_changes',
    up: [
      // One counter for whatever changes the timetable: its row is locked by each change, so that revisions are in the order of commits.
      `CREATE TABLE IF NOT EXISTS timetable_revision (
         id TINYINT NOT NULL PRIMARY KEY,
         revision BIGINT NOT NULL,
         sequence BIGINT NOT NULL
       ) ENGINE=InnoDB`,
      'ALTER TABLE timetable_activation ADD COLUMN revision BIGINT NOT NULL DEFAULT 0',
      "ALTER TABLE timetable_version ADD COLUMN feed_checksum CHAR(64) NOT NULL DEFAULT ''",
      `CREATE TABLE IF NOT EXISTS run_change (
         run_id VARCHAR(48) NOT NULL PRIMARY KEY,
         service_date DATE NOT NULL,
         sequence BIGINT NOT NULL,
         revision BIGINT NOT NULL,
         checksum CHAR(64) NOT NULL,
         newest TEXT NOT NULL,
         taken TEXT NULL,
         problem VARCHAR(300) NULL,
         received_at DATETIME(3) NOT NULL,
         KEY run_change_revision (revision),
         KEY run_change_date (service_date)
       ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
    ],
  },
];
