import { archiveTables } from '#kit/store/archive.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';
import { ARCHIVE_TABLES } from './order_archive.ts';

const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const END = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';

// Entries are found by id, by what waits of a run in its order, and by what is due.
const QUEUE_ENTRY = `CREATE TABLE IF NOT EXISTS queue_entry (
  entry_id CHAR(36) ${TEXT} NOT NULL,
  sequence BIGINT NOT NULL AUTO_INCREMENT,
  account_id BIGINT NOT NULL,
  tenant VARCHAR(64) NOT NULL,
  channel VARCHAR(16) ${TEXT} NOT NULL,
  request_id CHAR(36) ${TEXT} NOT NULL,
  run_id VARCHAR(48) ${TEXT} NOT NULL,
  bucket SMALLINT NOT NULL,
  state VARCHAR(12) ${TEXT} NOT NULL,
  priority TINYINT NOT NULL,
  hold_no SMALLINT NOT NULL DEFAULT 0,
  body MEDIUMTEXT NOT NULL,
  reason VARCHAR(48) ${TEXT} NULL,
  order_id BIGINT NULL,
  enter_time DATETIME(3) NOT NULL,
  dequeue_time DATETIME(3) NULL,
  end_time DATETIME(3) NULL,
  next_action_time DATETIME(3) NULL,
  attempts INT NOT NULL DEFAULT 0,
  PRIMARY KEY (entry_id),
  UNIQUE KEY queue_entry_sequence (sequence),
  UNIQUE KEY queue_entry_request (account_id, request_id),
  KEY queue_entry_served (run_id, state, priority, sequence),
  KEY queue_entry_open (state, run_id, bucket),
  KEY queue_entry_due (next_action_time)
) ${END}`;

// The row of a person and day is what everybody locks before looking for overlaps: READ COMMITTED locks no gaps.
const PASSENGER_DAY = `CREATE TABLE IF NOT EXISTS passenger_day (
  person VARCHAR(128) ${TEXT} NOT NULL,
  travel_date DATE NOT NULL,
  changes BIGINT NOT NULL,
  PRIMARY KEY (person, travel_date)
) ${END}`;

const PASSENGER_CLAIM = `CREATE TABLE IF NOT EXISTS passenger_claim (
  person VARCHAR(128) ${TEXT} NOT NULL,
  travel_date DATE NOT NULL,
  entry_id VARCHAR(64) ${TEXT} NOT NULL,
  item_no SMALLINT NOT NULL,
  start_time DATETIME(3) NOT NULL,
  end_time DATETIME(3) NOT NULL,
  order_id BIGINT NULL,
  PRIMARY KEY (person, travel_date, entry_id, item_no),
  KEY passenger_claim_entry (entry_id, item_no)
) ${END}`;

const ORDERS = `CREATE TABLE IF NOT EXISTS orders (
  order_id BIGINT NOT NULL,
  account_id BIGINT NOT NULL,
  tenant VARCHAR(64) NOT NULL,
  channel VARCHAR(16) ${TEXT} NOT NULL,
  entry_id VARCHAR(64) ${TEXT} NOT NULL,
  request_id CHAR(36) ${TEXT} NOT NULL,
  run_id VARCHAR(48) ${TEXT} NOT NULL,
  state VARCHAR(12) ${TEXT} NOT NULL,
  version BIGINT NOT NULL,
  close_reason VARCHAR(24) ${TEXT} NULL,
  journey TEXT NOT NULL,
  hold_id VARCHAR(64) ${TEXT} NOT NULL,
  total_fen BIGINT NOT NULL,
  payment_id VARCHAR(64) ${TEXT} NULL,
  refund_id VARCHAR(64) ${TEXT} NULL,
  todo VARCHAR(128) ${TEXT} NOT NULL,
  create_time DATETIME(3) NOT NULL,
  update_time DATETIME(3) NOT NULL,
  pay_expire_time DATETIME(3) NOT NULL,
  closing_time DATETIME(3) NULL,
  next_action_time DATETIME(3) NULL,
  attempts INT NOT NULL DEFAULT 0,
  PRIMARY KEY (order_id),
  UNIQUE KEY orders_entry (entry_id),
  KEY orders_account (account_id, order_id),
  KEY orders_run (run_id, order_id),
  KEY orders_state (state, order_id),
  KEY orders_due (next_action_time)
) ${END}`;

const ORDER_ITEM = `CREATE TABLE IF NOT EXISTS order_item (
  order_id BIGINT NOT NULL,
  item_no SMALLINT NOT NULL,
  passenger_id VARCHAR(24) ${TEXT} NOT NULL,
  person VARCHAR(128) ${TEXT} NOT NULL,
  passenger_name_masked VARCHAR(64) NOT NULL,
  id_number_masked VARCHAR(64) NOT NULL,
  passenger_type VARCHAR(20) ${TEXT} NOT NULL,
  places TEXT NOT NULL,
  state VARCHAR(12) ${TEXT} NOT NULL,
  version BIGINT NOT NULL,
  fare_fen BIGINT NOT NULL,
  refunded_fen BIGINT NOT NULL,
  ticket_id VARCHAR(64) ${TEXT} NULL,
  close_reason VARCHAR(24) ${TEXT} NULL,
  journey TEXT NULL,
  changed TINYINT NOT NULL,
  hold_id VARCHAR(64) ${TEXT} NOT NULL,
  PRIMARY KEY (order_id, item_no),
  KEY order_item_person (person, order_id)
) ${END}`;

const ORDER_TIMELINE = `CREATE TABLE IF NOT EXISTS order_timeline (
  order_id BIGINT NOT NULL,
  order_version BIGINT NOT NULL,
  item_no SMALLINT NOT NULL,
  time DATETIME(3) NOT NULL,
  from_state VARCHAR(12) ${TEXT} NULL,
  to_state VARCHAR(12) ${TEXT} NOT NULL,
  cause VARCHAR(255) NOT NULL,
  version BIGINT NOT NULL,
  trace_id VARCHAR(32) ${TEXT} NOT NULL,
  PRIMARY KEY (order_id, order_version, item_no)
) ${END}`;

const LATE_PAYMENT = `CREATE TABLE IF NOT EXISTS late_payment (
  payment_id VARCHAR(64) ${TEXT} NOT NULL,
  order_id VARCHAR(24) ${TEXT} NOT NULL,
  reason VARCHAR(48) ${TEXT} NOT NULL,
  create_time DATETIME(3) NOT NULL,
  done_time DATETIME(3) NULL,
  next_action_time DATETIME(3) NULL,
  attempts INT NOT NULL DEFAULT 0,
  PRIMARY KEY (payment_id),
  KEY late_payment_due (next_action_time)
) ${END}`;

const CANCELLATION = `CREATE TABLE IF NOT EXISTS cancellation (
  account_id BIGINT NOT NULL,
  day DATE NOT NULL,
  cancelled INT NOT NULL,
  PRIMARY KEY (account_id, day)
) ${END}`;

// What is wanted, in short: of thousands who wait at once, too often to read their bodies.
const QUEUE_DEMAND = `ALTER TABLE queue_entry ADD COLUMN demand VARCHAR(96) ${TEXT} NULL`;

// What the railway said of runs, as it was heard. A word is due until every order had time to come under it.
const RUN_WORD = `CREATE TABLE IF NOT EXISTS run_word (
  run_id VARCHAR(48) ${TEXT} NOT NULL,
  revision BIGINT NOT NULL,
  kind VARCHAR(12) ${TEXT} NOT NULL,
  part SMALLINT NOT NULL,
  body MEDIUMTEXT NOT NULL,
  hear_time DATETIME(3) NOT NULL,
  looks TINYINT NOT NULL DEFAULT 0,
  next_action_time DATETIME(3) NULL,
  attempts INT NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, revision, kind, part),
  KEY run_word_due (next_action_time),
  KEY run_word_heard (hear_time)
) ${END}`;

// An item whose train is being changed claims the wanted journey beside the one it has, on the same day perhaps.
const CLAIMS_BESIDE = `ALTER TABLE passenger_claim ADD COLUMN beside TINYINT NOT NULL DEFAULT 0, DROP PRIMARY KEY, ADD PRIMARY KEY (person, travel_date, entry_id, item_no, beside)`;

// Where the money of a changed item came from.
const ITEM_MONEY = 'ALTER TABLE order_item ADD COLUMN money TEXT NULL';

// Who travels on a run that another order's run was changed to.
const CHANGED_RUN = `ALTER TABLE order_item ADD COLUMN changed_run_id VARCHAR(48) ${TEXT} AS (JSON_UNQUOTE(JSON_EXTRACT(journey, '$.run_id'))) VIRTUAL,
  ADD KEY order_item_changed_run (changed_run_id, order_id)`;
// What becomes of an entry whose traveller waits in the standby list instead: since when, not matched before, which standby, or why none.
const QUEUE_STANDBY = `ALTER TABLE queue_entry ADD COLUMN standby_time DATETIME(3) NULL, ADD COLUMN standby_after DATETIME(3) NULL,
  ADD COLUMN standby_id VARCHAR(24) ${TEXT} NULL, ADD COLUMN standby_reason VARCHAR(48) ${TEXT} NULL`;

export const migrations: Migration[] = [
  { name: '0001_kit', up: kitTables({ outbox: true, inbox: true, idempotency: true, lease: true, audit: true }) },
  { name: '0001a_archive', up: archiveTables() },
  { name: '0002_queue', up: [QUEUE_ENTRY, PASSENGER_DAY, PASSENGER_CLAIM] },
  { name: '0003_orders', up: [ORDERS, ORDER_ITEM, ORDER_TIMELINE, LATE_PAYMENT, CANCELLATION] },
  { name: '0004_queue_demand', up: [QUEUE_DEMAND] },
  { name: '0005_order_archive', up: ARCHIVE_TABLES },
  { name: '0006_run_words', up: [RUN_WORD] },
  { name: '0007_change', up: [CLAIMS_BESIDE, ITEM_MONEY] },
  { name: '0008_changed_run', up: [CHANGED_RUN] },
  { name: '0009_queue_standby', up: [QUEUE_STANDBY] },
];
