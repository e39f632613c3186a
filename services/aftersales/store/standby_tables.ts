const TEXT = 'CHARACTER SET ascii COLLATE ascii_bin';
const END = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';

export const STANDBY_TABLES: string[] = [
  `CREATE TABLE IF NOT EXISTS standby (
     standby_id BIGINT NOT NULL PRIMARY KEY,
     sequence BIGINT NOT NULL AUTO_INCREMENT,
     account_id BIGINT NOT NULL,
     tenant VARCHAR(64) NOT NULL,
     channel VARCHAR(16) ${TEXT} NOT NULL,
     request_id CHAR(36) ${TEXT} NOT NULL,
     body_hash BINARY(32) NOT NULL,
     state VARCHAR(12) ${TEXT} NOT NULL,
     version BIGINT NOT NULL DEFAULT 1,
     member_level TINYINT NOT NULL,
     priority TINYINT NOT NULL,
     wishes TEXT NOT NULL,
     travellers TEXT NOT NULL,
     deadline_at DATETIME(3) NOT NULL,
     match_no INT NOT NULL DEFAULT 0,
     wish_no TINYINT NULL,
     locked_at DATETIME(3) NULL,
     order_id VARCHAR(32) ${TEXT} NOT NULL DEFAULT '',
     reason VARCHAR(48) ${TEXT} NOT NULL DEFAULT '',
     raw_odds DOUBLE NOT NULL,
     created_at DATETIME(3) NOT NULL,
     ended_at DATETIME(3) NULL,
     next_action_time DATETIME(3) NULL,
     attempts INT NOT NULL DEFAULT 0,
     UNIQUE KEY standby_sequence (sequence),
     UNIQUE KEY standby_request (account_id, request_id),
     KEY standby_account (account_id, standby_id),
     KEY standby_ended (ended_at),
     KEY standby_due (next_action_time)
   ) ${END}`,
  // The queues of runs: the first of each kind is found without looking at the others.
  `CREATE TABLE IF NOT EXISTS standby_wish (
     run_id VARCHAR(48) ${TEXT} NOT NULL,
     kind VARCHAR(128) ${TEXT} NOT NULL,
     place BIGINT NOT NULL,
     standby_id BIGINT NOT NULL,
     wish_no TINYINT NOT NULL,
     PRIMARY KEY (run_id, kind, place, standby_id, wish_no),
     KEY standby_wish_of (standby_id, wish_no)
   ) ${END}`,
  // Whether somebody waits for a run, what inventory was told of it, and who matches it now.
  `CREATE TABLE IF NOT EXISTS standby_run (
     run_id VARCHAR(48) ${TEXT} NOT NULL PRIMARY KEY,
     waiting INT NOT NULL,
     version BIGINT NOT NULL,
     told BIGINT NOT NULL,
     lease_owner VARCHAR(64) ${TEXT} NOT NULL DEFAULT '',
     lease_until DATETIME(3) NOT NULL,
     departure_at DATETIME(3) NOT NULL,
     next_action_time DATETIME(3) NULL,
     attempts INT NOT NULL DEFAULT 0,
     KEY standby_run_due (next_action_time)
   ) ${END}`,
  // A person waits for one journey at a time, over all accounts. The person's row is what everybody locks first.
  `CREATE TABLE IF NOT EXISTS standby_person (
     person VARCHAR(128) ${TEXT} NOT NULL PRIMARY KEY,
     changes BIGINT NOT NULL
   ) ${END}`,
  `CREATE TABLE IF NOT EXISTS standby_claim (
     person VARCHAR(128) ${TEXT} NOT NULL,
     standby_id BIGINT NOT NULL,
     wish_no TINYINT NOT NULL,
     start_at DATETIME(3) NOT NULL,
     end_at DATETIME(3) NOT NULL,
     PRIMARY KEY (person, standby_id, wish_no),
     KEY standby_claim_of (standby_id)
   ) ${END}`,
  // Seats given back by hours left before departure, and for how long runs were looked at there.
  `CREATE TABLE IF NOT EXISTS standby_rate (
     bucket TINYINT NOT NULL PRIMARY KEY,
     seats BIGINT NOT NULL,
     run_minutes BIGINT NOT NULL
   ) ${END}`,
];

export const UPGRADE_TABLES: string[] = [
  'ALTER TABLE standby ADD COLUMN upgrade TEXT NULL, ADD COLUMN change_id BIGINT NULL, ADD COLUMN told TINYINT NOT NULL DEFAULT 0',
  // A ticket waits for one better train at a time.
  `CREATE TABLE IF NOT EXISTS standby_ticket (
     item_id VARCHAR(40) ${TEXT} NOT NULL PRIMARY KEY,
     standby_id BIGINT NOT NULL,
     KEY standby_ticket_of (standby_id)
   ) ${END}`,
];
