import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { judgeRefresh } from '../domain/session.ts';
import { issueTokens, refreshHash } from './issue_tokens.ts';
import type { Actor, Deps, Tokens } from './ports.ts';

/**
 * Trades a refresh token for the next pair. One that was used already ends its session, whoever holds the successor
 * (RFC 9700 §4.14.2): TOKEN_INVALID, TOKEN_EXPIRED, SESSION_REVOKED, ACCOUNT_BLOCKED.
 */
export async function refreshTokens(deps: Deps, actor: Actor, input: { refresh_token: string; device_id: string }): Promise<Result<Tokens>> {
  if (!/^[\w-]{43}$/.test(input.refresh_token)) return fail('TOKEN_INVALID');
  const hash = refreshHash(input.refresh_token);
  const now_ms = deps.clock.now_ms();
  return deps.store.record(actor, async (unit): Promise<Result<Tokens>> => {
    const found = await unit.sessions.byRefreshHash(hash);
    const verdict = judgeRefresh(found?.token, found?.session, now_ms);
    if (found === undefined || verdict === 'unknown') return fail('TOKEN_INVALID');
    if (verdict === 'expired') return fail('TOKEN_EXPIRED');
    if (verdict === 'revoked') return fail('SESSION_REVOKED');
    const { session } = found;
    const target = `session/${session.session_id}`;
    if (verdict === 'replayed') {
      await unit.sessions.revoke(session, now_ms);
      await unit.audit({ operation: 'identity.RefreshTokens', target, result: 'SESSION_REVOKED' });
      return fail('SESSION_REVOKED');
    }
    if (input.device_id !== '' && session.device_id !== '' && input.device_id !== session.device_id) return fail('TOKEN_INVALID', { detail: 'the token belongs to another device' });
    const account = await unit.accounts.byId(session.account_id);
    if (account === undefined) return fail('TOKEN_INVALID');
    if (account.state === 'BLOCKED') return fail('ACCOUNT_BLOCKED');
    await unit.sessions.useRefresh(hash, now_ms);
    await unit.audit({ operation: 'identity.RefreshTokens', target, result: 'ok' });
    return ok(await issueTokens(deps, unit, account, session));
  });
}

/** Ends the caller's session, or all of the account. Its access tokens run out by themselves within 15 minutes. */
export async function logOut(deps: Deps, actor: Actor, input: { account_id: bigint; session_id: string; everywhere: boolean }): Promise<Result<undefined>> {
  const { account_id, session_id, everywhere } = input;
  return deps.store.write(actor, async (unit) => {
    await unit.sessions.revoke(everywhere ? { account_id } : { account_id, session_id }, deps.clock.now_ms());
    await unit.audit({ operation: 'identity.LogOut', target: everywhere ? `account/${account_id}` : `session/${session_id}`, result: 'ok' });
    return ok();
  });
}
