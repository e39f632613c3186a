/**
 * `node mesh/istio/token_keys.ts DIR`: the policy of access tokens with the public halves of DIR/jwt-*.pem written into it,
 * for a mesh whose proxies don't fetch keys themselves (istiod-values.yaml). To be applied before identity signs with a new key.
 */
import { createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK } from 'jose';
import { accessTokens } from './authentication.ts';
import { yamlOf } from './manifest.ts';

/** YAML for `kubectl apply`. Throws when the folder has no key of access tokens: such a policy would refuse everybody. */
export async function tokenPolicy(dir: string): Promise<string> {
  const kids = readdirSync(dir).map((file) => /^jwt-([\w.-]{1,32})\.pem$/.exec(file)?.[1]).filter((kid) => kid !== undefined).toSorted();
  if (kids.length === 0) throw new Error(`${dir} has no key of access tokens (jwt-<id>.pem)`);
  const keys = await Promise.all(kids.map(async (kid) => ({ ...(await exportJWK(createPublicKey(readFileSync(join(dir, `jwt-${kid}.pem`))))), kid, alg: 'ES256', use: 'sig' })));
  return yamlOf([accessTokens({ jwks: JSON.stringify({ keys }) })]);
}

if (import.meta.main) {
  const dir = process.argv[2];
  if (dir === undefined) throw new Error('node mesh/istio/token_keys.ts DIR');
  process.stdout.write(await tokenPolicy(dir));
}
