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
];
