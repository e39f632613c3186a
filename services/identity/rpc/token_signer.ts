import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Clock } from '#kit/base/clock.ts';
import type { Random } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { accountClaims } from '#kit/rpc/token.ts';
import type { TokenSigner } from '../app/ports.ts';
import { ACCESS_TOKEN_MS } from '../domain/session.ts';

export type SignerOptions = { signing: () => { kid: string; private_key: KeyObject }; issuer: string; audience: string; clock: Clock; random: Random };

/** Access tokens: ES256 JWTs (RFC 7519) with the claims that every service reads (kit/rpc/token.ts). */
export function createTokenSigner({ signing, issuer, audience, clock, random }: SignerOptions): TokenSigner {
  return {
    async sign(account, session) {
      const now_s = Math.floor(clock.now_ms() / 1000);
      const expire_s = now_s + ACCESS_TOKEN_MS / 1000;
      const { kid, private_key } = signing();
      const claims = accountClaims({
        kind: 'account',
        account_id: String(account.account_id),
        tenant: account.tenant,
        channel: session.channel,
        device_id: session.device_id,
        session_id: session.session_id,
        roles: account.roles,
        member_level: account.member_level,
        ...(account.city === '' ? {} : { city: account.city }),
      });
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(now_s)
        .setExpirationTime(expire_s)
        .setJti(uuid7(clock, random))
        .sign(private_key);
      return { token, expire_time_ms: expire_s * 1000 };
    },
  };
}
