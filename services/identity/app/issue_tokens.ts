import { createHash } from 'node:crypto';
import { toBase64Url } from '#kit/base/bytes.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { Account } from '../domain/account.ts';
import { REFRESH_TOKEN_MS } from '../domain/session.ts';
import type { Session } from '../domain/session.ts';
import type { Deps, Device, Tokens, Unit } from './ports.ts';

/** A new session with its first tokens. */
export async function openSession(deps: Deps, unit: Unit, account: Account, device: Device): Promise<Tokens> {
  const session: Session = { session_id: uuid7(deps.clock, deps.random), account_id: account.account_id, device_id: device.device_id, channel: device.channel, create_time_ms: deps.clock.now_ms() };
  await unit.sessions.insert(session);
  return issueTokens(deps, unit, account, session);
}

/** The next pair of a session. The refresh token is 256 random bits; only its SHA-256 is kept, which needs no salt then. */
export async function issueTokens(deps: Deps, unit: Unit, account: Account, session: Session): Promise<Tokens> {
  const refresh_token = toBase64Url(deps.random.bytes(32));
  const refresh_expire_ms = deps.clock.now_ms() + REFRESH_TOKEN_MS;
  await unit.sessions.addRefresh(session.session_id, refreshHash(refresh_token), refresh_expire_ms);
  const access = await deps.tokens.sign(account, session);
  return { access_token: access.token, access_expire_ms: access.expire_time_ms, refresh_token, refresh_expire_ms };
}

export function refreshHash(refresh_token: string): Uint8Array {
  return createHash('sha256').update(refresh_token).digest();
}
