import { archiveTables } from '#kit/store/archive.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

export const migrations: Migration[] = [
  {
    name: '0001_ops',
    up: [
      ...kitTables({ idempotency: true, lease: true, audit: true }),
      `CREATE TABLE IF NOT EXISTS job_run (
         run_id CHAR(36) NOT NULL PRIMARY KEY,
         job_id VARCHAR(64) NOT NULL,
         state VARCHAR(10) NOT NULL,
         started_by VARCHAR(32) NOT NULL,
         started_at DATETIME(3) NOT NULL,
         alive_until DATETIME(3) NOT NULL,
         ended_at DATETIME(3) NULL,
         progress_percent INT NOT NULL DEFAULT 0,
         report_json MEDIUMTEXT NOT NULL,
         error VARCHAR(1000) NOT NULL DEFAULT '',
         KEY job_runs (job_id, run_id),
         KEY job_state (state, alive_until)
       ) ENGINE=InnoDB`,
      // One row a job: locked while a run begins, so that of two beginnings one sees the other.
      `CREATE TABLE IF NOT EXISTS job_gate (job_id VARCHAR(64) NOT NULL PRIMARY KEY) ENGINE=InnoDB`,
    ],
  },
  { name: '0001a_archive', up: archiveTables() },
  {
    // A job that is new is due from then on, not for all the days before.
    name: '0002_job_known',
    up: ['ALTER TABLE job_gate ADD COLUMN known_since DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)'],
  },
];
