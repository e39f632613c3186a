import { isDuplicateKey } from '#kit/store/errors.ts';
import type { Tx } from '#kit/store/mysql.ts';
import type { AccountContact, AccountRows } from '../app/ports.ts';
import { loginKey } from '../domain/account.ts';
import type { Account, Language, Role } from '../domain/account.ts';
import { AccountEntity } from './entities.ts';
import type { AccountRow } from './entities.ts';
import type { Vault } from './vault.ts';

export function accountRows(tx: Tx, vault: Vault): AccountRows {
  const toAccount = (row: AccountRow | null): Account | undefined => (row === null ? undefined : fromRow(row, vault));
  return {
    async insert(account) {
      try {
        await tx.em.insert(AccountEntity, toRow(account, vault));
        return true;
      } catch (error) {
        if (isDuplicateKey(error, 'account_login')) return false;
        throw error;
      }
    },
    byId: async (account_id) => toAccount(await tx.em.findOne(AccountEntity, { account_id })),
    byLoginKey: async (login_key) => toAccount(await tx.em.findOne(AccountEntity, { login_key })),
    async contacts(account_ids) {
      const rows = await tx.execute<ContactRow>('SELECT account_id, phone_sealed, email_sealed, push_sealed, language FROM account WHERE account_id IN (?)', [account_ids]);
      return rows.map((row) => contactOf(row, vault));
    },
    setPushToken: async (account_id, push_token) => void (await tx.execute('UPDATE account SET push_sealed = ?, version = version + 1 WHERE account_id = ?', [vault.seal(push_token, 'account.push', account_id), account_id])),
    lock: async (account_id) => void (await tx.execute('SELECT account_id FROM account WHERE account_id = ? FOR UPDATE', [account_id])),
  };
}

function toRow(account: Account, vault: Vault): AccountRow {
  const { account_id, login_name, password_hash, phone, email, push_token, language, city, tenant, roles, member_level, state } = account;
  return {
    account_id,
    login_name,
    login_key: loginKey(login_name),
    password_hash,
    phone_sealed: vault.seal(phone, 'account.phone', account_id),
    phone_index: phone === '' ? null : vault.index.of('phone', phone),
    email_sealed: vault.seal(email, 'account.email', account_id),
    email_index: email === undefined ? null : vault.index.of('email', email),
    push_sealed: vault.seal(push_token, 'account.push', account_id),
    language,
    city,
    tenant,
    roles: roles.join(','),
    member_level,
    state,
    create_time: new Date(account.create_time_ms),
    version: 1n,
  } as AccountRow;
}

type ContactRow = { account_id: bigint; phone_sealed?: Uint8Array | null; email_sealed?: Uint8Array | null; push_sealed?: Uint8Array | null; language: string };

function contactOf({ account_id, phone_sealed, email_sealed, push_sealed, language }: ContactRow, vault: Vault): AccountContact {
  return {
    account_id,
    phone: vault.open(phone_sealed, 'account.phone', account_id) ?? '',
    email: vault.open(email_sealed, 'account.email', account_id),
    push_token: vault.open(push_sealed, 'account.push', account_id),
    language: language as Language,
  };
}

function fromRow(row: AccountRow, vault: Vault): Account {
  return {
    ...contactOf(row, vault),
    login_name: row.login_name,
    password_hash: row.password_hash,
    city: row.city,
    tenant: row.tenant,
    roles: row.roles.split(',').filter((role) => role !== '') as Role[],
    member_level: row.member_level,
    state: row.state as Account['state'],
    create_time_ms: row.create_time.getTime(),
  };
}
