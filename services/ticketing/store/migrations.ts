import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';

export const migrations: Migration[] = [
  {
    name: '0001_ticketing',
    up: [
      ...kitTables({ lease: true, audit: true }),
      // One call of IssueTickets: all of its tickets or none.
      `CREATE TABLE IF NOT EXISTS issue (
         issue_id CHAR(32) ${TEXT} NOT NULL PRIMARY KEY,
         order_id BIGINT NOT NULL,
         account_id BIGINT NOT NULL,
         state VARCHAR(10) NOT NULL,
         failure_reason VARCHAR(200) NOT NULL DEFAULT '',
         created_at DATETIME(3) NOT NULL,
         next_action_time DATETIME(3) NULL,
         attempts INT NOT NULL DEFAULT 0,
         KEY issue_order (order_id),
         KEY issue_due (next_action_time)
       ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
      // Of the person: masked forms, the blind index, and the sealed last four characters that gates compare.
      `CREATE TABLE IF NOT EXISTS ticket (
         ticket_id BIGINT NOT NULL PRIMARY KEY,
         issue_id CHAR(32) ${TEXT} NOT NULL,
         order_id BIGINT NOT NULL,
         account_id BIGINT NOT NULL,
         item_id VARCHAR(40) ${TEXT} NOT NULL,
         version BIGINT NOT NULL,
         state VARCHAR(10) NOT NULL,
         passenger_id VARCHAR(40) ${TEXT} NOT NULL,
         passenger_type VARCHAR(20) NOT NULL,
         name_masked VARCHAR(100) NOT NULL DEFAULT '',
         id_number_masked VARCHAR(40) NOT NULL DEFAULT '',
         person_index BINARY(16) NULL,
         last_four_sealed VARBINARY(128) NULL,
         run_id VARCHAR(48) NOT NULL,
         seat TEXT NOT NULL,
         journey TEXT NOT NULL,
         not_after DATETIME(3) NOT NULL,
         qr_token VARCHAR(200) ${TEXT} NOT NULL DEFAULT '',
         railway_ref VARCHAR(64) NOT NULL DEFAULT '',
         railway_state VARCHAR(10) NOT NULL,
         void_reason VARCHAR(200) NOT NULL DEFAULT '',
         created_at DATETIME(3) NOT NULL,
         asked_at DATETIME(3) NULL,
         issued_at DATETIME(3) NULL,
         used_at DATETIME(3) NULL,
         voided_at DATETIME(3) NULL,
         next_action_time DATETIME(3) NULL,
         attempts INT NOT NULL DEFAULT 0,
         UNIQUE KEY ticket_item (item_id, version),
         KEY ticket_issue (issue_id),
         KEY ticket_order (order_id),
         KEY ticket_run (run_id, state),
         KEY ticket_person (person_index),
         KEY ticket_due (next_action_time)
       ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
    ],
  },
  {
    name: '0002_seats_holders_keys',
    up: [
      // The public halves outlive the files: a ticket is proven after the private half of its key is gone.
      `CREATE TABLE IF NOT EXISTS signing_key (
         kid VARCHAR(16) ${TEXT} NOT NULL PRIMARY KEY,
         public_key BINARY(32) NOT NULL,
         publish_time DATETIME(3) NOT NULL,
         activate_time DATETIME(3) NOT NULL,
         KEY signing_key_active (activate_time)
       ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
      'ALTER TABLE ticket ADD COLUMN seat_parts TEXT NULL',
      'ALTER TABLE ticket ADD COLUMN holder_tag BINARY(8) NULL',
      `ALTER TABLE ticket ADD COLUMN admission VARCHAR(80) ${TEXT} NULL`,
      'ALTER TABLE ticket ADD UNIQUE KEY ticket_admission (admission)',
      `ALTER TABLE ticket MODIFY COLUMN qr_token VARCHAR(300) ${TEXT} NOT NULL DEFAULT ''`,
    ],
  },
  {
    name: '0003_late_runs',
    up: [
      `CREATE TABLE IF NOT EXISTS late_run (
         run_id VARCHAR(48) NOT NULL PRIMARY KEY,
         tickets_until DATETIME(3) NOT NULL
       ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
    ],
  },
  { name: '0004_replacing', up: ['ALTER TABLE issue ADD COLUMN replaces TINYINT NOT NULL DEFAULT 0'] },
];
