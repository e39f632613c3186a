import type { Metadata } from '@grpc/grpc-js';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { ANONYMOUS, CALLER_KEY, CALLER_SIGNATURE_KEY, verifyCaller } from './caller.ts';
import type { Caller } from './caller.ts';
import { createTokenVerifier } from './token.ts';
import type { TokenOptions, TokenVerifier } from './token.ts';

export type AuthOptions = {
  /** Keys of caller contexts, newest first. Without any, no service can call. */
  caller_keys?: readonly Uint8Array[];
  /** How access tokens are verified. Without it every token is refused. */
  token?: TokenOptions;
  clock?: Clock;
};

/** Who calls, and from where. */
export type Identified = { caller: Caller; client_ip?: string; user_agent?: string };

export type Authenticator = (metadata: Metadata, method: string) => Result<Identified> | Promise<Result<Identified>>;

/**
 * Reads the credentials of a call. A bad credential is refused even where none is needed, since it shows a confused or a
 * hostile caller. Answers at once where it can (no credential, a known token, a signed context).
 */
export function createAuthenticator({ caller_keys = [], token, clock = systemClock }: AuthOptions): Authenticator {
  const tokens = token === undefined ? undefined : createTokenVerifier({ clock, ...token });
  return (metadata, method) => {
    const authorization = metadata.get('authorization');
    const context = metadata.get(CALLER_KEY);
    const signature = metadata.get(CALLER_SIGNATURE_KEY);
    if (context.length > 0 || signature.length > 0) {
      // A service never passes on a token it was given; both together means that somebody mixes identities.
      if (context.length !== 1 || signature.length !== 1 || authorization.length > 0) return fail('TOKEN_INVALID', { detail: 'mixed credentials' });
      return authenticateService(context[0], signature[0], { keys: caller_keys, method, now_ms: clock.now_ms() });
    }
    if (authorization.length === 0) return ok({ caller: ANONYMOUS });
    if (authorization.length > 1) return fail('TOKEN_INVALID', { detail: 'more than one authorization' });
    return authenticateAccount(String(authorization[0]), tokens);
  };
}

function authenticateService(context: unknown, signature: unknown, options: Parameters<typeof verifyCaller>[2]): Result<Identified> {
  if (!(context instanceof Buffer) || !(signature instanceof Buffer)) return fail('TOKEN_INVALID');
  const statement = verifyCaller(context, signature, options);
  if (statement === undefined) return fail('TOKEN_INVALID', { detail: 'the caller context is not valid' });
  const { service, on_behalf_of, client_ip, user_agent } = statement;
  return ok({ caller: { kind: 'service', service, on_behalf_of }, client_ip, user_agent });
}

function authenticateAccount(authorization: string, tokens: TokenVerifier | undefined): Result<Identified> | Promise<Result<Identified>> {
  const token = /^Bearer ([\w.-]+)$/i.exec(authorization)?.[1];
  if (token === undefined || tokens === undefined) return fail('TOKEN_INVALID');
  const caller = tokens.cached(token);
  if (caller !== undefined) return ok({ caller });
  return tokens.verify(token).then((verified) => (verified.ok ? ok({ caller: verified.value }) : verified));
}
