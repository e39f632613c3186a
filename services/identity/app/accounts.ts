import { fail, fieldInvalid, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import type { Account, Role } from '../domain/account.ts';
import { geneForNewAccount, loginKey } from '../domain/account.ts';
import type { AccountContact, Actor, Deps } from './ports.ts';

/** The account itself, for its owner. */
export async function getAccount(deps: Deps, actor: Actor, account_id: bigint): Promise<Result<Account>> {
  const account = await deps.store.record(actor, (unit) => unit.accounts.byId(account_id));
  return account === undefined ? fail('ACCOUNT_NOT_FOUND') : ok(account);
}

/** Where an account can be reached. Each look is audited, since it opens personal data. */
export async function resolveContact(deps: Deps, actor: Actor, account_id: bigint): Promise<Result<Account>> {
  return deps.store.write(actor, async (unit) => {
    const account = await unit.accounts.byId(account_id);
    if (account === undefined) return fail('ACCOUNT_NOT_FOUND');
    await unit.audit({ operation: 'identity.ResolveContact', target: `account/${account_id}`, result: 'ok' });
    return ok(account);
  });
}

/** The same for many accounts; those that are not there are left out. */
export async function resolveContacts(deps: Deps, actor: Actor, account_ids: readonly bigint[]): Promise<AccountContact[]> {
  if (account_ids.length === 0) return [];
  return deps.store.record(actor, async (unit) => {
    const contacts = await unit.accounts.contacts(account_ids);
    await unit.audit(...contacts.map(({ account_id }) => ({ operation: 'identity.ResolveContact', target: `account/${account_id}`, result: 'ok' })));
    return contacts;
  });
}

/** What the push provider of an application accepts; nothing that could be anything else than a token. */
const PUSH_TOKEN = /^[\x21-\x7e]{1,300}$/;

/** Where the account's application takes push messages; empty for nowhere. FIELD_INVALID, ACCOUNT_NOT_FOUND. */
export async function setPushToken(deps: Deps, actor: Actor, { account_id, push_token }: { account_id: bigint; push_token: string }): Promise<Result<undefined>> {
  if (push_token !== '' && !PUSH_TOKEN.test(push_token)) return fieldInvalid('push_token', 'at most 300 characters of ASCII');
  return deps.store.write(actor, async (unit) => {
    const account = await unit.accounts.byId(account_id);
    if (account === undefined) return fail('ACCOUNT_NOT_FOUND');
    await unit.accounts.setPushToken(account_id, push_token === '' ? undefined : push_token);
    await unit.audit({ operation: 'identity.SetPushToken', target: `account/${account_id}`, result: push_token === '' ? 'REMOVED' : 'ok' });
    return ok();
  });
}

const OPERATOR_ROLES: readonly Role[] = ['operator', 'inspector'];

/**
 * The first operator, from the configuration, made at the first start; when there is one by that name nothing changes.
 * Everybody else with rights is made by operators.
 */
export async function ensureOperator(deps: Deps, login_name: string, password: string): Promise<void> {
  const actor: Actor = { account_id: '', service: 'identity', device_id: '', ip: '' };
  const known = await deps.store.record(actor, (unit) => unit.accounts.byLoginKey(loginKey(login_name)));
  if (known !== undefined) return;
  const account: Account = {
    account_id: deps.ids.next(geneForNewAccount(login_name)),
    login_name,
    password_hash: await deps.passwords.hash(password),
    phone: '',
    language: 'zh',
    city: '',
    tenant: 'rail',
    roles: OPERATOR_ROLES,
    member_level: 0,
    state: 'ACTIVE',
    create_time_ms: deps.clock.now_ms(),
  };
  await deps.store.record(actor, async (unit) => {
    // Two processes may start at once: the unique name decides.
    if (!(await unit.accounts.insert(account))) return;
    await unit.audit({ operation: 'identity.EnsureOperator', target: `account/${account.account_id}`, result: 'ok', version: 1n });
  });
}
