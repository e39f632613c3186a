import { archiveTables } from '#kit/store/archive.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';
const END = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';

/** No phone number, address or token of a device stands here: recipients are asked for when they are needed, and masked. */
export const migrations: Migration[] = [
  {
    name: '0001_notification',
    up: [
      ...kitTables({ outbox: true, inbox: true, idempotency: true, lease: true, audit: true }),
      `CREATE TABLE IF NOT EXISTS template (
        template_id VARCHAR(40) ${ASCII} NOT NULL,
        channel VARCHAR(8) ${ASCII} NOT NULL,
        version BIGINT NOT NULL,
        state VARCHAR(16) ${ASCII} NOT NULL,
        active_key VARCHAR(60) ${ASCII} NULL,
        title_zh VARCHAR(200) NOT NULL,
        body_zh VARCHAR(2000) NOT NULL,
        title_en VARCHAR(200) NOT NULL,
        body_en VARCHAR(2000) NOT NULL,
        author VARCHAR(40) ${ASCII} NOT NULL,
        reviewer VARCHAR(40) ${ASCII} NOT NULL,
        create_time DATETIME(3) NOT NULL,
        review_time DATETIME(3) NULL,
        PRIMARY KEY (template_id, channel, version),
        UNIQUE KEY template_active (active_key)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS message (
        message_id BIGINT NOT NULL,
        message_key VARCHAR(64) ${ASCII} NOT NULL,
        account_id BIGINT NOT NULL,
        template_id VARCHAR(40) ${ASCII} NOT NULL,
        order_id VARCHAR(40) ${ASCII} NOT NULL,
        parameters TEXT NOT NULL,
        in_inbox TINYINT NOT NULL,
        title_zh VARCHAR(400) NOT NULL,
        body_zh TEXT NOT NULL,
        title_en VARCHAR(400) NOT NULL,
        body_en TEXT NOT NULL,
        create_time DATETIME(3) NOT NULL,
        read_time DATETIME(3) NULL,
        PRIMARY KEY (message_id),
        UNIQUE KEY message_once (message_key),
        KEY message_account (account_id, in_inbox, message_id),
        KEY message_order (order_id)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS message_delivery (
        delivery_id BIGINT NOT NULL,
        message_id BIGINT NOT NULL,
        account_id BIGINT NOT NULL,
        order_id VARCHAR(40) ${ASCII} NOT NULL,
        channel VARCHAR(8) ${ASCII} NOT NULL,
        template_version BIGINT NOT NULL,
        state VARCHAR(16) ${ASCII} NOT NULL,
        provider VARCHAR(16) ${ASCII} NULL,
        provider_ref VARCHAR(100) NULL,
        recipient_masked VARCHAR(300) NOT NULL,
        tries INT NOT NULL,
        receipt_tries INT NOT NULL,
        last_error VARCHAR(64) ${ASCII} NOT NULL,
        create_time DATETIME(3) NOT NULL,
        sent_time DATETIME(3) NULL,
        delivered_time DATETIME(3) NULL,
        version BIGINT NOT NULL,
        next_action_time DATETIME(3) NULL,
        attempts INT NOT NULL,
        PRIMARY KEY (delivery_id),
        UNIQUE KEY delivery_once (message_id, channel),
        KEY delivery_due (next_action_time),
        KEY delivery_order (order_id),
        KEY delivery_account (account_id, delivery_id)
      ) ${END}`,
    ],
  },
  { name: '0001a_archive', up: archiveTables() },
  {
    name: '0002_receipts_dead_letters_rates',
    up: [
      'ALTER TABLE message_delivery ADD COLUMN revivals INT NOT NULL DEFAULT 0',
      'ALTER TABLE message_delivery ADD COLUMN revived_time DATETIME(3) NULL',
      'ALTER TABLE message_delivery ADD KEY delivery_rate (create_time, channel, provider, state, last_error, delivered_time)',
    ],
  },
];
