import { archiveTables } from '#kit/store/archive.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

export const migrations: Migration[] = [
  {
    name: '0001_risk',
    up: [
      ...kitTables({ idempotency: true, audit: true }),
      // Only the newest version of a key counts; older ones are what a rollback goes back to.
      `CREATE TABLE IF NOT EXISTS config_version (
         config_key VARCHAR(64) NOT NULL,
         version BIGINT NOT NULL,
         value_json TEXT NOT NULL,
         gray_json TEXT NULL,
         comment VARCHAR(500) NOT NULL,
         updated_by VARCHAR(32) NOT NULL,
         updated_at DATETIME(3) NOT NULL,
         PRIMARY KEY (config_key, version)
       ) ENGINE=InnoDB`,
      // subject_key is a blind index for whatever is personal.
      `CREATE TABLE IF NOT EXISTS block (
         block_id CHAR(36) NOT NULL PRIMARY KEY,
         kind VARCHAR(5) NOT NULL,
         subject_kind VARCHAR(8) NOT NULL,
         subject_key VARCHAR(64) NOT NULL,
         subject_masked VARCHAR(64) NOT NULL,
         reason VARCHAR(500) NOT NULL,
         created_by VARCHAR(32) NOT NULL,
         created_at DATETIME(3) NOT NULL,
         expires_at DATETIME(3) NULL,
         KEY block_expiry (expires_at)
       ) ENGINE=InnoDB`,
      `CREATE TABLE IF NOT EXISTS evidence (
         evidence_id CHAR(36) NOT NULL PRIMARY KEY,
         operation VARCHAR(16) NOT NULL,
         decision VARCHAR(16) NOT NULL,
         reason VARCHAR(64) NOT NULL,
         subjects_json TEXT NOT NULL,
         created_at DATETIME(3) NOT NULL,
         KEY evidence_time (created_at)
       ) ENGINE=InnoDB`,
    ],
  },
  { name: '0001a_archive', up: archiveTables() },
  {
    // What people found when they looked.
    name: '0002_review',
    up: [
      `ALTER TABLE evidence ADD COLUMN verdict VARCHAR(10) NOT NULL DEFAULT 'OPEN', ADD COLUMN note VARCHAR(500) NOT NULL DEFAULT '',
         ADD COLUMN reviewed_by VARCHAR(32) NOT NULL DEFAULT '', ADD COLUMN reviewed_at DATETIME(3) NULL, ADD KEY evidence_verdict (verdict, evidence_id)`,
    ],
  },
];
