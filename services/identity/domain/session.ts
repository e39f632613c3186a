/** How long an access token is good: 15 minutes, since nobody asks us whether its session still stands. */
export const ACCESS_TOKEN_MS = 15 * 60_000;
/** How long a refresh token is good, and so a session that nobody uses. */
export const REFRESH_TOKEN_MS = 30 * 24 * 3_600_000;
/** A session ends at last, however often it was refreshed. */
export const SESSION_MS = 180 * 24 * 3_600_000;

export const CHANNELS = ['web', 'app', 'mini', 'counter', 'partner'] as const;
export type Channel = (typeof CHANNELS)[number];

/** A login on a device. */
export type Session = {
  session_id: string;
  account_id: bigint;
  device_id: string;
  channel: Channel;
  create_time_ms: number;
  revoke_time_ms?: number;
};

/** A stored refresh token; only its hash is kept. */
export type RefreshToken = { session_id: string; expire_time_ms: number; used: boolean };

/** `replayed`: the token was good once already, so either it or its successor is in wrong hands (RFC 9700 §4.14.2). */
export type RefreshVerdict = 'good' | 'unknown' | 'expired' | 'revoked' | 'replayed';

export function judgeRefresh(token: RefreshToken | undefined, session: Session | undefined, now_ms: number): RefreshVerdict {
  if (token === undefined || session === undefined) return 'unknown';
  if (session.revoke_time_ms !== undefined) return 'revoked';
  if (token.used) return 'replayed';
  return token.expire_time_ms <= now_ms || session.create_time_ms + SESSION_MS <= now_ms ? 'expired' : 'good';
}
