import { archiveTables } from '#kit/store/archive.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

export const migrations: Migration[] = [
  {
    name: '0001_payment',
    up: [
      ...kitTables({ outbox: true, idempotency: true, lease: true, audit: true }),
      `CREATE TABLE IF NOT EXISTS payment (
         payment_id BIGINT NOT NULL PRIMARY KEY,
         order_id BIGINT NOT NULL,
         account_id BIGINT NOT NULL,
         kind VARCHAR(20) NOT NULL,
         state VARCHAR(10) NOT NULL,
         amount_fen BIGINT NOT NULL,
         currency CHAR(3) NOT NULL DEFAULT 'CNY',
         refunded_fen BIGINT NOT NULL DEFAULT 0,
         payment_channel VARCHAR(16) NOT NULL,
         pay_url VARCHAR(500) NULL,
         gateway_trade_no VARCHAR(64) NULL,
         version BIGINT NOT NULL DEFAULT 0,
         settled BOOLEAN NULL,
         change_id VARCHAR(64) NOT NULL DEFAULT '',
         return_path VARCHAR(255) NOT NULL,
         created_at DATETIME(3) NOT NULL,
         expires_at DATETIME(3) NOT NULL,
         paid_at DATETIME(3) NULL,
         next_action_time DATETIME(3) NULL,
         attempts INT NOT NULL DEFAULT 0,
         KEY payment_order (order_id),
         KEY payment_paid (paid_at),
         KEY payment_due (next_action_time)
       ) ENGINE=InnoDB`,
      // A refund never exceeds what was paid: payment.refunded_fen grows in the same transaction, conditionally.
      `CREATE TABLE IF NOT EXISTS refund (
         refund_id VARCHAR(64) NOT NULL PRIMARY KEY,
         payment_id BIGINT NOT NULL,
         order_id BIGINT NOT NULL,
         amount_fen BIGINT NOT NULL,
         state VARCHAR(10) NOT NULL,
         reason VARCHAR(200) NOT NULL,
         last_error VARCHAR(500) NOT NULL DEFAULT '',
         created_at DATETIME(3) NOT NULL,
         finished_at DATETIME(3) NULL,
         next_action_time DATETIME(3) NULL,
         attempts INT NOT NULL DEFAULT 0,
         KEY refund_order (order_id),
         KEY refund_finished (finished_at),
         KEY refund_due (next_action_time)
       ) ENGINE=InnoDB`,
      // Requirement: callbacks by payment_id + version; a nonce counts once.
      `CREATE TABLE IF NOT EXISTS callback_seen (
         payment_id BIGINT NOT NULL,
         version BIGINT NOT NULL,
         body_hash BINARY(32) NOT NULL,
         created_at DATETIME(3) NOT NULL,
         PRIMARY KEY (payment_id, version, body_hash)
       ) ENGINE=InnoDB`,
      `CREATE TABLE IF NOT EXISTS callback_nonce (
         payment_channel VARCHAR(16) NOT NULL,
         nonce VARCHAR(64) NOT NULL,
         created_at DATETIME(3) NOT NULL,
         PRIMARY KEY (payment_channel, nonce),
         KEY nonce_age (created_at)
       ) ENGINE=InnoDB`,
    ],
  },
  { name: '0001a_archive', up: archiveTables() },
  {
    name: '0002_people_and_sums',
    up: [
      ...kitTables({ inbox: true }),
      // Whatever the code does, more than was paid never goes back.
      `ALTER TABLE payment ADD CONSTRAINT payment_refunded CHECK (refunded_fen >= 0 AND refunded_fen <= amount_fen)`,
      `ALTER TABLE refund ADD CONSTRAINT refund_amount CHECK (amount_fen > 0)`,
    ],
  },
];
