import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';
import { CHANGE_TABLE } from './change_store.ts';
import { STANDBY_NOTICE_TABLE } from './standby_notices.ts';
import { STANDBY_TABLES, UPGRADE_TABLES } from './standby_tables.ts';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';

const END = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';

const REFUND_CAUSE = [
  `ALTER TABLE refund ADD COLUMN cause VARCHAR(16) ${TEXT} NOT NULL DEFAULT 'TRAVELLER', ADD COLUMN job_id BIGINT NULL, ADD KEY refund_job (job_id, order_id)`,
];

// An item's money that came by further payments: the first way stands in refund_item.
const REFUND_PART = `CREATE TABLE IF NOT EXISTS refund_part (
  money_id VARCHAR(64) ${TEXT} NOT NULL PRIMARY KEY,
  refund_id BIGINT NOT NULL,
  amount_fen BIGINT NOT NULL,
  arrived_at DATETIME(3) NULL,
  KEY refund_part_refund (refund_id)
) ${END}`;

// By revisions, so that the order in which events arrive does not matter.
const RUN_NEWS = `CREATE TABLE IF NOT EXISTS run_news (
  run_id VARCHAR(48) ${TEXT} NOT NULL PRIMARY KEY,
  cancelled_revision BIGINT NOT NULL,
  restored_revision BIGINT NOT NULL
) ${END}`;

const RUN_REFUND = `CREATE TABLE IF NOT EXISTS run_refund (
  job_id BIGINT NOT NULL PRIMARY KEY,
  run_id VARCHAR(48) ${TEXT} NOT NULL,
  cause VARCHAR(16) ${TEXT} NOT NULL,
  revision BIGINT NOT NULL,
  requester VARCHAR(40) ${TEXT} NOT NULL,
  request_id VARCHAR(80) ${TEXT} NOT NULL,
  body_hash BINARY(32) NOT NULL,
  reason_zh VARCHAR(200) NOT NULL,
  reason_en VARCHAR(200) NOT NULL,
  state VARCHAR(12) ${TEXT} NOT NULL,
  next_page VARCHAR(512) ${TEXT} NOT NULL,
  found_in_pass INT NOT NULL,
  passes INT NOT NULL,
  version BIGINT NOT NULL DEFAULT 1,
  created_at DATETIME(3) NOT NULL,
  finished_at DATETIME(3) NULL,
  next_action_time DATETIME(3) NULL,
  attempts INT NOT NULL DEFAULT 0,
  UNIQUE KEY run_refund_request (requester, request_id),
  KEY run_refund_run (run_id, job_id),
  KEY run_refund_due (next_action_time)
) ${END}`;

const RUN_REFUND_ORDER = `CREATE TABLE IF NOT EXISTS run_refund_order (
  job_id BIGINT NOT NULL,
  order_id BIGINT NOT NULL,
  state VARCHAR(12) ${TEXT} NOT NULL,
  items INT NOT NULL DEFAULT 0,
  items_failed INT NOT NULL DEFAULT 0,
  reason VARCHAR(48) ${TEXT} NOT NULL DEFAULT '',
  told TINYINT NOT NULL DEFAULT 0,
  next_action_time DATETIME(3) NULL,
  attempts INT NOT NULL DEFAULT 0,
  PRIMARY KEY (job_id, order_id),
  KEY run_refund_order_state (job_id, state),
  KEY run_refund_order_due (next_action_time)
) ${END}`;

// Who was turned away by a full queue is not matched while that is served.
const STANDBY_AFTER = 'ALTER TABLE standby ADD COLUMN match_after DATETIME(3) NULL';

export const migrations: Migration[] = [
  {
    name: '0001_refund',
    up: [
      ...kitTables({ inbox: true, lease: true, audit: true }),
      `CREATE TABLE IF NOT EXISTS refund (
         refund_id BIGINT NOT NULL PRIMARY KEY,
         order_id BIGINT NOT NULL,
         account_id BIGINT NOT NULL,
         requester VARCHAR(40) ${TEXT} NOT NULL,
         request_id CHAR(36) ${TEXT} NOT NULL,
         body_hash BINARY(32) NOT NULL,
         payment_id VARCHAR(32) ${TEXT} NOT NULL,
         stage VARCHAR(12) NOT NULL,
         items TEXT NOT NULL,
         rule_version VARCHAR(32) NOT NULL,
         reason VARCHAR(200) NOT NULL,
         version BIGINT NOT NULL DEFAULT 1,
         created_at DATETIME(3) NOT NULL,
         finished_at DATETIME(3) NULL,
         next_action_time DATETIME(3) NULL,
         attempts INT NOT NULL DEFAULT 0,
         UNIQUE KEY refund_request (requester, request_id),
         KEY refund_order (order_id),
         KEY refund_due (next_action_time)
       ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
      // An item version is refunded by one refund at most.
      `CREATE TABLE IF NOT EXISTS refund_item (
         item_id VARCHAR(40) ${TEXT} NOT NULL,
         item_version BIGINT NOT NULL,
         refund_id BIGINT NOT NULL,
         money_id VARCHAR(64) ${TEXT} NOT NULL,
         returned_fen BIGINT NOT NULL,
         arrived_at DATETIME(3) NULL,
         PRIMARY KEY (item_id, item_version),
         UNIQUE KEY refund_money (money_id),
         KEY refund_item_refund (refund_id)
       ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
    ],
  },
  { name: '0002_refund_cause', up: [...REFUND_CAUSE, REFUND_PART] },
  { name: '0003_run_refund', up: [RUN_NEWS, RUN_REFUND, RUN_REFUND_ORDER] },
  { name: '0004_change', up: [CHANGE_TABLE] },
  { name: '0005_standby', up: STANDBY_TABLES },
  { name: '0006_upgrade', up: UPGRADE_TABLES },
  { name: '0007_standby_notice', up: [STANDBY_AFTER, STANDBY_NOTICE_TABLE] },
];
