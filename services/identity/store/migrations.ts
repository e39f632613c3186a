import { archiveTables } from '#kit/store/archive.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import type { Migration } from '#kit/store/migrate.ts';

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';
const END = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin';

/** `…_sealed` holds AES-256-GCM, `…_index` a keyed hash: no name, number, phone, e-mail or device stands here in clear. */
export const migrations: Migration[] = [
  {
    name: '0001_identity',
    up: [
      ...kitTables({ idempotency: true, lease: true, audit: true }),
      `CREATE TABLE IF NOT EXISTS account (
        account_id BIGINT NOT NULL,
        login_name VARCHAR(32) ${ASCII} NOT NULL,
        login_key VARCHAR(32) ${ASCII} NOT NULL,
        password_hash VARCHAR(160) ${ASCII} NOT NULL,
        phone_sealed VARBINARY(160) NULL,
        phone_index BINARY(16) NULL,
        email_sealed VARBINARY(512) NULL,
        email_index BINARY(16) NULL,
        push_sealed VARBINARY(1024) NULL,
        language CHAR(2) ${ASCII} NOT NULL,
        city VARCHAR(40) NOT NULL,
        tenant VARCHAR(32) ${ASCII} NOT NULL,
        roles VARCHAR(200) ${ASCII} NOT NULL,
        member_level TINYINT NOT NULL,
        state VARCHAR(16) ${ASCII} NOT NULL,
        create_time DATETIME(3) NOT NULL,
        version BIGINT NOT NULL,
        PRIMARY KEY (account_id),
        UNIQUE KEY account_login (login_key),
        KEY account_phone (phone_index),
        KEY account_email (email_index)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS session (
        session_id CHAR(36) ${ASCII} NOT NULL,
        account_id BIGINT NOT NULL,
        device_sealed VARBINARY(512) NULL,
        channel VARCHAR(16) ${ASCII} NOT NULL,
        create_time DATETIME(3) NOT NULL,
        revoke_time DATETIME(3) NULL,
        PRIMARY KEY (session_id),
        KEY session_account (account_id),
        KEY session_created (create_time)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS refresh_token (
        token_hash BINARY(32) NOT NULL,
        session_id CHAR(36) ${ASCII} NOT NULL,
        expire_time DATETIME(3) NOT NULL,
        use_time DATETIME(3) NULL,
        PRIMARY KEY (token_hash),
        KEY refresh_token_session (session_id),
        KEY refresh_token_expired (expire_time)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS login_guess (
        login_index BINARY(16) NOT NULL,
        failures INT NOT NULL,
        pause_until DATETIME(3) NOT NULL,
        last_time DATETIME(3) NOT NULL,
        PRIMARY KEY (login_index),
        KEY login_guess_last (last_time)
      ) ${END}`,
      `CREATE TABLE IF NOT EXISTS passenger (
        passenger_id BIGINT NOT NULL,
        account_id BIGINT NOT NULL,
        person_index BINARY(16) NOT NULL,
        name_sealed VARBINARY(512) NOT NULL,
        id_type VARCHAR(32) ${ASCII} NOT NULL,
        id_number_sealed VARBINARY(256) NOT NULL,
        passenger_type VARCHAR(32) ${ASCII} NOT NULL,
        phone_sealed VARBINARY(160) NULL,
        verify_state VARCHAR(16) ${ASCII} NOT NULL,
        verify_round INT NOT NULL,
        verify_tries INT NOT NULL,
        create_time DATETIME(3) NOT NULL,
        removed_as BIGINT NOT NULL,
        version BIGINT NOT NULL,
        next_action_time DATETIME(3) NULL,
        attempts INT NOT NULL,
        PRIMARY KEY (passenger_id),
        UNIQUE KEY passenger_person (account_id, person_index, removed_as),
        KEY passenger_due (next_action_time)
      ) ${END}`,
    ],
  },
  { name: '0001a_archive', up: archiveTables() },
];
