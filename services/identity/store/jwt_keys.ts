// The keys of access tokens: files `jwt-<kid>.pem` in SIGNING_KEYS_DIR, all published, one signing.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK } from 'jose';
import type { JWK } from 'jose';

export type SigningKey = { kid: string; private_key: KeyObject };
export type JwtKeys = {
  /** The key that signs now. */
  signing(): SigningKey;
  /** The public halves of all keys, for `/.well-known/jwks.json`. */
  jwks(): { keys: JWK[] };
  /** Reads the files again: a rotation needs no restart. */
  reload(): Promise<void>;
};

/**
 * A rotation goes in three steps: add a file (it is published at once), after the cache time of verifiers (10 minutes)
 * name it as `active_kid`, and remove the old file once its last token has run out. Without `active_kid` the last one in
 * the order of names signs.
 */
export async function openJwtKeys(dir: string, active_kid: string | undefined): Promise<JwtKeys> {
  let state = await readKeys(dir, active_kid);
  return {
    signing: () => state.signing,
    jwks: () => state.jwks,
    async reload() {
      state = await readKeys(dir, active_kid);
    },
  };
}

async function readKeys(dir: string, active_kid: string | undefined): Promise<{ signing: SigningKey; jwks: { keys: JWK[] } }> {
  const kids = (await readdir(dir)).map((file) => /^jwt-([\w.-]{1,32})\.pem$/.exec(file)?.[1]).filter((kid) => kid !== undefined).toSorted();
  const keys = await Promise.all(kids.map(async (kid) => ({ kid, private_key: createPrivateKey(await readFile(join(dir, `jwt-${kid}.pem`))) })));
  for (const { kid, private_key } of keys) {
    if (private_key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error(`the key ${kid} of access tokens is not on P-256`);
  }
  const signing = active_kid === undefined ? keys.at(-1) : keys.find(({ kid }) => kid === active_kid);
  if (signing === undefined) throw new Error('there is no key to sign access tokens with');
  const jwks = { keys: await Promise.all(keys.map(async ({ kid, private_key }) => ({ ...(await exportJWK(createPublicKey(private_key))), kid, alg: 'ES256', use: 'sig' }))) };
  return { signing, jwks };
}
