import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';

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
];
