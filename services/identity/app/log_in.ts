import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { loginKey } from '../domain/account.ts';
import { FREE_GUESSES, GUESS_MEMORY_MS, pauseAfter_ms, UNDER_WAY_MS } from '../domain/throttle.ts';
import { openSession } from './issue_tokens.ts';
import type { Actor, Deps, Device, LoggedIn, Unit } from './ports.ts';

export type LogInInput = Device & { login_name: string; password: string; captcha_token: string };

/**
 * A password for tokens. A name that nobody has costs the same work and gets the same answer (CREDENTIALS_WRONG, then
 * THROTTLED), so that the answer does not tell which accounts exist.
 */
export async function logIn(deps: Deps, actor: Actor, input: LogInInput): Promise<Result<LoggedIn>> {
  if (input.password.length > 256 || input.login_name.length > 64) return fail('CREDENTIALS_WRONG');
  const allowed = await deps.risk.assess({ operation: 'login', device_id: input.device_id, ip: actor.ip, captcha_token: input.captcha_token });
  if (!allowed.ok) return allowed;
  const login_key = loginKey(input.login_name);

  // Counted before the password is looked at and in a transaction of its own: guesses side by side count one by one.
  const attempt = await deps.store.record(actor, async (unit) => {
    const pause_ms = await takeGuess(deps, unit, login_key);
    return { pause_ms, account: pause_ms === 0 ? await unit.accounts.byLoginKey(login_key) : undefined };
  });
  if (attempt.pause_ms > 0) return fail('THROTTLED', { retry_after_ms: attempt.pause_ms });
  const { account } = attempt;
  const right = await deps.passwords.verify(input.password, account?.password_hash);
  if (account === undefined || !right) {
    await deps.store.record(actor, async (unit) => {
      await confirmWrong(deps, unit, login_key);
      await note(unit, account === undefined ? 'account/unknown' : `account/${account.account_id}`, 'CREDENTIALS_WRONG');
    });
    return fail('CREDENTIALS_WRONG');
  }
  if (account.state === 'BLOCKED') {
    await deps.store.record(actor, (unit) => note(unit, `account/${account.account_id}`, 'ACCOUNT_BLOCKED'));
    return fail('ACCOUNT_BLOCKED');
  }
  return deps.store.write({ ...actor, account_id: String(account.account_id) }, async (unit) => {
    await unit.guesses.clear(login_key);
    const tokens = await openSession(deps, unit, account, input);
    await unit.audit({ operation: 'identity.LogIn', target: `account/${account.account_id}`, result: 'ok' });
    return ok({ account, tokens });
  });
}

/**
 * How long no guess is taken, 0 when this one is and was counted. While guesses are under way it is not known whether
 * they are wrong, so beyond the free ones others wait for a moment only: an owner may log in on many devices at once.
 */
async function takeGuess(deps: Deps, unit: Unit, login_key: string): Promise<number> {
  const known = await unit.guesses.get(login_key);
  // Read with the row locked: a time from before the wait for it would lie before what others wrote meanwhile.
  const now_ms = deps.clock.now_ms();
  if (known !== undefined && known.pause_until_ms > now_ms) return known.pause_until_ms - now_ms;
  const failures = known === undefined || known.last_time_ms < now_ms - GUESS_MEMORY_MS ? 1 : known.failures + 1;
  await unit.guesses.set(login_key, { failures, pause_until_ms: failures < FREE_GUESSES ? (known?.pause_until_ms ?? 0) : now_ms + UNDER_WAY_MS, last_time_ms: now_ms });
  return 0;
}

async function confirmWrong(deps: Deps, unit: Unit, login_key: string): Promise<void> {
  const known = await unit.guesses.get(login_key);
  const now_ms = deps.clock.now_ms();
  // A right password beside this one has cleared the count; this one stands all the same.
  const failures = Math.max(1, known?.failures ?? 0);
  const pause_ms = pauseAfter_ms(failures);
  const pause_until_ms = Math.max(known?.pause_until_ms ?? 0, pause_ms === 0 ? 0 : now_ms + pause_ms);
  await unit.guesses.set(login_key, { failures, pause_until_ms, last_time_ms: now_ms });
}

async function note(unit: Unit, target: string, result: string): Promise<void> {
  await unit.audit({ operation: 'identity.LogIn', target, result });
}
