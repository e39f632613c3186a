import { JWT_AUDIENCE, JWT_ISSUER } from '../../scripts/stack/environment.ts';
import { PORTS } from '../calls.ts';
import { hostOf, manifest, type Manifest } from './manifest.ts';

/** Nobody speaks to a pod of ours in the clear. */
export function mutualTls(): Manifest {
  return manifest('PeerAuthentication', 'default', { mtls: { mode: 'STRICT' } });
}

/** Where the keys of access tokens are: fetched by each proxy itself, over mTLS, or written into the policy. */
export type TokenKeys = { jwks: string } | 'from identity';

/**
 * The edge's tokens are checked again before a service sees them. What carries no token passes: services prove themselves
 * by certificate and signed context, never by a traveller's token, and what needs an account refuses by itself.
 */
export function accessTokens(keys: TokenKeys): Manifest {
  const source = keys === 'from identity' ? { jwksUri: `http://${hostOf('identity')}:${PORTS.http}/.well-known/jwks.json` } : { jwks: keys.jwks };
  return manifest('RequestAuthentication', 'access-tokens', {
    jwtRules: [
      {
        issuer: JWT_ISSUER,
        audiences: [JWT_AUDIENCE],
        ...source,
        // By header only: a token in an address would end in logs.
        fromHeaders: [{ name: 'authorization', prefix: 'Bearer ' }],
        // The service reads who it is from the same token.
        forwardOriginalToken: true,
      },
    ],
  });
}
