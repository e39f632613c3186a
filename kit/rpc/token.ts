import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import type { AccountCaller } from './caller.ts';

export type TokenOptions = {
  /** Where the public keys are fetched (and fetched again when an unknown key id appears), or the keys themselves. */
  jwks: URL | JSONWebKeySet;
  issuer: string;
  audience: string;
  /** Verified tokens that are remembered until they expire, so that the hot path costs no signature check. */
  cache_limit?: number;
  clock?: Clock;
};

export type TokenVerifier = {
  /** The caller of a token that was verified before and has not expired; undefined otherwise. */
  cached(token: string): AccountCaller | undefined;
  /** TOKEN_INVALID, TOKEN_EXPIRED, or DEPENDENCY_UNAVAILABLE when the keys cannot be fetched. */
  verify(token: string): Promise<Result<AccountCaller>>;
};

/** The claims that identity puts into a token for an account, besides iss, aud, iat and exp. */
export function accountClaims(account: AccountCaller): JWTPayload {
  const { account_id, session_id, tenant, channel, device_id, roles, member_level, city } = account;
  return { sub: account_id, sid: session_id, tenant, channel, device_id, roles: [...roles], member_level, ...(city === undefined ? {} : { city }) };
}

/**
 * Verifies access tokens: ES256 only, issuer, audience and expiry (RFC 7519, RFC 8725 §3). Services of one process that
 * trust the same keys have one verifier: a token costs one signature check there, and the keys are fetched once.
 */
export function createTokenVerifier(options: TokenOptions): TokenVerifier {
  const { jwks, issuer, audience, cache_limit, clock } = options;
  if (!(jwks instanceof URL) || cache_limit !== undefined || (clock !== undefined && clock !== systemClock)) return openTokenVerifier(options);
  const name = JSON.stringify([jwks.href, issuer, audience]);
  const verifier = verifiers.get(name) ?? openTokenVerifier(options);
  verifiers.set(name, verifier);
  return verifier;
}

/** By whose tokens they are: one or two in a process. */
const verifiers = new Map<string, TokenVerifier>();

function openTokenVerifier({ jwks, issuer, audience, cache_limit = 20_000, clock = systemClock }: TokenOptions): TokenVerifier {
  const keys = keySource(jwks);
  const cache = new VerifiedTokens(cache_limit, clock);
  return {
    cached: (token) => cache.get(token),
    verify: async (token) => {
      if (token.length > TOKEN_LENGTH_LIMIT) return fail('TOKEN_INVALID', { detail: 'the token is too long' });
      try {
        const { payload } = await jwtVerify(token, keys, { issuer, audience, algorithms: ['ES256'], requiredClaims: ['sub', 'exp'], clockTolerance: 5, currentDate: new Date(clock.now_ms()) });
        const claims = CLAIMS.safeParse(payload);
        if (!claims.success) return fail('TOKEN_INVALID', { detail: 'the token lacks claims' });
        const caller = callerOf(claims.data);
        cache.set(token, caller, claims.data.exp * 1000);
        return ok(caller);
      } catch (error) {
        return refusalOf(error);
      }
    },
  };
}

/** Remembers the most recently used tokens up to a limit; an insertion-ordered map is the list of use. */
class VerifiedTokens {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #entries = new Map<string, { caller: AccountCaller; expire_ms: number }>();

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  get(token: string): AccountCaller | undefined {
    const entry = this.#entries.get(token);
    if (entry === undefined) return undefined;
    this.#entries.delete(token);
    if (entry.expire_ms <= this.#clock.now_ms()) return undefined;
    this.#entries.set(token, entry);
    return entry.caller;
  }

  set(token: string, caller: AccountCaller, expire_ms: number): void {
    this.#entries.set(token, { caller, expire_ms });
    if (this.#entries.size <= this.#limit) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

function keySource(jwks: URL | JSONWebKeySet): JWTVerifyGetKey {
  if (!(jwks instanceof URL)) return createLocalJWKSet(jwks);
  return createRemoteJWKSet(jwks, { timeoutDuration: 2000, cooldownDuration: 10_000, cacheMaxAge: 600_000 });
}

function callerOf(claims: z.output<typeof CLAIMS>): AccountCaller {
  const { sub, sid, tenant, channel, device_id, roles, member_level, city } = claims;
  return { kind: 'account', account_id: sub, tenant, channel, device_id, session_id: sid, roles, member_level, city };
}

/** A token that cannot be judged because the keys are out of reach is not called invalid: that would log everybody out. */
function refusalOf(error: unknown): Result<never> {
  if (error instanceof errors.JWTExpired) return fail('TOKEN_EXPIRED');
  if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError) || error.code === 'ERR_JOSE_GENERIC') {
    return fail('DEPENDENCY_UNAVAILABLE', { detail: 'the keys of tokens cannot be fetched', retry_after_ms: 1000 });
  }
  return fail('TOKEN_INVALID');
}

const TOKEN_LENGTH_LIMIT = 4096;

const CLAIMS = z.object({
  sub: z.string().min(1),
  sid: z.string().default(''),
  tenant: z.string().default('rail'),
  channel: z.string().default('web'),
  device_id: z.string().default(''),
  roles: z.array(z.string()).default([]),
  member_level: z.number().int().min(0).max(5).default(0),
  city: z.string().optional(),
  exp: z.number(),
});
