import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { checkRegistration, geneForNewAccount, loginKey } from '../domain/account.ts';
import type { Account, CheckedRegistration, Registration } from '../domain/account.ts';
import { openSession } from './issue_tokens.ts';
import type { Actor, Deps, LoggedIn } from './ports.ts';

export type RegisterInput = Registration & { request_id: string; device_id: string; captcha_token: string };

/** Callers without an account share one namespace of request ids; the fingerprint tells them apart. */
const NOBODY = 'anonymous';

/**
 * Makes an account and logs it in. A repeat of the request logs in once more to the same account, for which the password
 * is checked again: the stored answer is the account's id, since tokens are never stored.
 */
export async function register(deps: Deps, actor: Actor, input: RegisterInput): Promise<Result<LoggedIn>> {
  const checked = checkRegistration(input);
  if (!checked.ok) return checked;
  const allowed = await deps.risk.assess({ operation: 'register', device_id: input.device_id, ip: actor.ip, captcha_token: input.captcha_token });
  if (!allowed.ok) return allowed;
  const password_hash = await deps.passwords.hash(input.password);
  const account = newAccount(deps, checked.value, password_hash);
  const { login_name, phone, email = '' } = checked.value;
  // Without the password: even a keyed hash of it has no business beside the slow one.
  const fingerprint = deps.secrets.fingerprint(['register', loginKey(login_name), phone, email]);

  return deps.store.write(actor, async (unit) => {
    const once = await unit.once({ account_id: NOBODY, request_id: input.request_id, method: 'Register', fingerprint }, async () => {
      if (!(await unit.accounts.insert(account))) return fail('ACCOUNT_EXISTS', { metadata: { field: 'login_name' } });
      await unit.audit({ operation: 'identity.Register', target: `account/${account.account_id}`, result: 'ok', request_id: input.request_id, version: 1n });
      return ok(String(account.account_id));
    });
    if (!once.ok) return once;
    const known = once.value.replayed ? await unit.accounts.byId(BigInt(once.value.answer)) : account;
    if (known === undefined) throw new Error('a registered account is gone');
    if (once.value.replayed && !(await deps.passwords.verify(input.password, known.password_hash))) return fail('REQUEST_ID_REUSED');
    return ok({ account: known, tokens: await openSession(deps, unit, known, { device_id: input.device_id, channel: 'web' }) });
  });
}

function newAccount(deps: Deps, checked: CheckedRegistration, password_hash: string): Account {
  const { login_name, phone, email, language, city } = checked;
  return {
    account_id: deps.ids.next(geneForNewAccount(login_name)),
    login_name,
    password_hash,
    phone,
    email,
    language,
    city,
    tenant: 'rail',
    roles: ['traveller'],
    member_level: 0,
    state: 'ACTIVE',
    create_time_ms: deps.clock.now_ms(),
  };
}
