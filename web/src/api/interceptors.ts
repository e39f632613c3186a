import { Code, ConnectError } from '@connectrpc/connect';
import type { Interceptor } from '@connectrpc/connect';
import { readError } from './errors.ts';
import type { TokenKeeper } from './tokens.ts';

/** Names the device to the edge, which limits how often one may ask. */
export function deviceInterceptor(device_id: string): Interceptor {
  return (next) => (request) => {
    request.header.set('x-device-id', device_id);
    return next(request);
  };
}

/**
 * Adds the access token and, when it is refused as expired, renews it and asks once more. The refused call had no effect,
 * so repeating it is safe. The edge refuses expired tokens without a reason of ours; that counts as expired too. A stream is
 * not repeated here: its request is used up, and its refusal may come in its body. Whoever reads it asks by a call (watch.ts).
 */
export function tokenInterceptor(tokens: TokenKeeper): Interceptor {
  return (next) => async (request) => {
    const token = await tokens.accessToken();
    if (token === undefined) throw new ConnectError('sign in first', Code.Unauthenticated);
    request.header.set('authorization', `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      const { kind, reason } = readError(error);
      if (kind !== 'signed_out' || request.stream) throw error;
      if (reason !== undefined && reason !== 'TOKEN_EXPIRED') {
        if (ENDS_SESSION.has(reason)) tokens.end();
        throw error;
      }
      const renewed = await tokens.renew(token);
      if (renewed === undefined) throw error;
      request.header.set('authorization', `Bearer ${renewed}`);
      return next(request);
    }
  };
}

/** After these the tokens are worthless; keeping them would show a session that is none. */
const ENDS_SESSION = new Set(['TOKEN_INVALID', 'SESSION_REVOKED', 'SESSION_NOT_FOUND']);
