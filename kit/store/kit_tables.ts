// The tables that kit code needs inside a service's own database. A service names them in its first migration.
//
// The text below is part of checksummed migrations: never edit it, add another function for a later change.

export interface KitTables {
  /** Events leave through these: outbox, outbox_partition, outbox_relay (kit/bus/outbox.ts, relay.ts). */
  readonly outbox?: boolean;
  /** Events arrive through these: inbox, delivery (kit/bus/consumer.ts). */
  readonly inbox?: boolean;
  /** Answers of mutations by request id (kit/store/idempotency.ts). */
  readonly idempotency?: boolean;
  /** Fenced leases and worker numbers: lease, worker_lease (kit/store/lease.ts, worker.ts). */
  readonly lease?: boolean;
  /** Who did what (kit/audit/audit.ts). */
  readonly audit?: boolean;
}

/** The CREATE statements of the tables asked for, in a fixed order. No foreign keys, no feature that MySQL 8 lacks. */
export function kitTables(wanted: KitTables): string[] {
  return [
    ...(wanted.outbox === true ? OUTBOX : []),
    ...(wanted.inbox === true ? INBOX : []),
    ...(wanted.idempotency === true ? [IDEMPOTENCY] : []),
    ...(wanted.lease === true ? LEASE : []),
    ...(wanted.audit === true ? [AUDIT] : []),
  ];
}

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const END = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';

// outbox_partition is locked by writers only, outbox_relay by the relay only, so neither waits for the other.
const OUTBOX = [
  `CREATE TABLE IF NOT EXISTS outbox_partition (
    stream VARCHAR(16) ${TEXT} NOT NULL,
    bucket SMALLINT NOT NULL,
    last_sequence BIGINT NOT NULL,
    PRIMARY KEY (stream, bucket)
  ) ${END}`,
  `CREATE TABLE IF NOT EXISTS outbox (
    stream VARCHAR(16) ${TEXT} NOT NULL,
    bucket SMALLINT NOT NULL,
    sequence BIGINT NOT NULL,
    event_id VARCHAR(64) ${TEXT} NOT NULL,
    type VARCHAR(128) ${TEXT} NOT NULL,
    version BIGINT NOT NULL,
    event_key VARCHAR(128) NOT NULL,
    occurred_at DATETIME(3) NOT NULL,
    trace VARCHAR(2048) NOT NULL,
    payload LONGBLOB NOT NULL,
    created_at DATETIME(3) NOT NULL,
    published_at DATETIME(3) NULL,
    PRIMARY KEY (stream, bucket, sequence),
    UNIQUE KEY outbox_event (event_id),
    KEY outbox_created (created_at)
  ) ${END}`,
  `CREATE TABLE IF NOT EXISTS outbox_relay (
    stream VARCHAR(16) ${TEXT} NOT NULL,
    bucket SMALLINT NOT NULL,
    owner VARCHAR(64) ${TEXT} NOT NULL,
    term BIGINT NOT NULL,
    expires_at DATETIME(3) NOT NULL,
    published_sequence BIGINT NOT NULL,
    subject_sequence BIGINT NOT NULL,
    PRIMARY KEY (stream, bucket)
  ) ${END}`,
];

const INBOX = [
  `CREATE TABLE IF NOT EXISTS inbox (
    consumer VARCHAR(64) ${TEXT} NOT NULL,
    event_id VARCHAR(64) ${TEXT} NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (consumer, event_id),
    KEY inbox_created (created_at)
  ) ${END}`,
  `CREATE TABLE IF NOT EXISTS delivery (
    consumer VARCHAR(64) ${TEXT} NOT NULL,
    event_id VARCHAR(64) ${TEXT} NOT NULL,
    tries INT NOT NULL,
    runner VARCHAR(64) ${TEXT} NULL,
    reason VARCHAR(500) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (consumer, event_id),
    KEY delivery_updated (updated_at)
  ) ${END}`,
];

const IDEMPOTENCY = `CREATE TABLE IF NOT EXISTS idempotency (
  account_id VARCHAR(40) ${TEXT} NOT NULL,
  request_id BINARY(16) NOT NULL,
  method VARCHAR(128) ${TEXT} NOT NULL,
  body_hash BINARY(32) NOT NULL,
  answer LONGBLOB NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (account_id, request_id),
  KEY idempotency_created (created_at)
) ${END}`;

const LEASE = [
  `CREATE TABLE IF NOT EXISTS lease (
    name VARCHAR(128) ${TEXT} NOT NULL,
    owner VARCHAR(64) ${TEXT} NOT NULL,
    term BIGINT NOT NULL,
    expires_at DATETIME(3) NOT NULL,
    PRIMARY KEY (name)
  ) ${END}`,
  `CREATE TABLE IF NOT EXISTS worker_lease (
    worker_id SMALLINT NOT NULL,
    owner VARCHAR(64) ${TEXT} NOT NULL,
    term BIGINT NOT NULL,
    expires_at DATETIME(3) NOT NULL,
    reserved_until_ms BIGINT NOT NULL,
    PRIMARY KEY (worker_id)
  ) ${END}`,
];

// Address and device are personal data: sealed for reading, blind-indexed for searching, never in clear.
const AUDIT = `CREATE TABLE IF NOT EXISTS audit_record (
  audit_id BINARY(16) NOT NULL,
  created_at DATETIME(3) NOT NULL,
  actor_account VARCHAR(40) ${TEXT} NOT NULL,
  actor_service VARCHAR(32) ${TEXT} NOT NULL,
  device_sealed VARBINARY(512) NULL,
  device_index BINARY(16) NULL,
  ip_sealed VARBINARY(256) NULL,
  ip_index BINARY(16) NULL,
  operation VARCHAR(128) ${TEXT} NOT NULL,
  target VARCHAR(128) NOT NULL,
  result VARCHAR(64) ${TEXT} NOT NULL,
  request_id VARCHAR(64) ${TEXT} NULL,
  version BIGINT NULL,
  PRIMARY KEY (audit_id),
  KEY audit_account (actor_account, created_at),
  KEY audit_target (target, created_at),
  KEY audit_operation (operation, created_at),
  KEY audit_device (device_index, created_at),
  KEY audit_ip (ip_index, created_at),
  KEY audit_created (created_at)
) ${END}`;
