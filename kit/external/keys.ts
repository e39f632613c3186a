import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The outside systems we exchange signed messages with. */
export const OUTSIDE_SYSTEMS = ['realname', 'messaging', 'gateway', 'railway'] as const;
export type OutsideSystem = (typeof OUTSIDE_SYSTEMS)[number];

/** The name our own key pair has, on both sides. */
export const OUR_NAME = 'chunyun';

/** Our private key and the public key of one outside system, from SIGNING_KEYS_DIR. */
export async function loadOurKeys(dir: string, system: OutsideSystem): Promise<{ sign_key: KeyObject; peer_key: KeyObject }> {
  return loadPair(dir, OUR_NAME, system);
}

/** The other side's view, from SANDBOX_KEYS_DIR: its private key and our public one. */
export async function loadSandboxKeys(dir: string, system: OutsideSystem): Promise<{ sign_key: KeyObject; peer_key: KeyObject }> {
  return loadPair(dir, system, OUR_NAME);
}

async function loadPair(dir: string, own: string, peer: string): Promise<{ sign_key: KeyObject; peer_key: KeyObject }> {
  const [private_pem, public_pem] = await Promise.all([readFile(join(dir, `${own}.pem`)), readFile(join(dir, `${peer}.pub.pem`))]);
  return { sign_key: requireRsa(createPrivateKey(private_pem), own), peer_key: requireRsa(createPublicKey(public_pem), peer) };
}

function requireRsa(key: KeyObject, name: string): KeyObject {
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048) return key;
  throw new Error(`the key of ${name} is not RSA of at least 2048 bits`);
}
