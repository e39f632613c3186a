import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { schemeOf } from './scheme.ts';

/** The outside systems we exchange signed messages with. */
export const OUTSIDE_SYSTEMS = ['realname', 'messaging', 'gateway', 'railway'] as const;
export type OutsideSystem = (typeof OUTSIDE_SYSTEMS)[number];

/** The name our own key pair has, on both sides. */
export const OUR_NAME = 'chunyun';

/** Each side has a key pair of its own for every scheme it speaks; `sm2` only where both agreed on it. */
export type KeyScheme = 'rsa' | 'sm2';

export type KeyPair = { sign_key: KeyObject; peer_key: KeyObject };

/** Our private key and the public key of one outside system, from SIGNING_KEYS_DIR. */
export async function loadOurKeys(dir: string, system: OutsideSystem, scheme: KeyScheme = 'rsa'): Promise<KeyPair> {
  return loadPair(dir, OUR_NAME, system, scheme);
}

/** The other side's view, from SANDBOX_KEYS_DIR: its private key and our public one. */
export async function loadSandboxKeys(dir: string, system: OutsideSystem, scheme: KeyScheme = 'rsa'): Promise<KeyPair> {
  return loadPair(dir, system, OUR_NAME, scheme);
}

/** `gateway` for RSA, `gateway-sm2` for SM2: the name of a key's file without its ending. */
export function keyName(owner: string, scheme: KeyScheme): string {
  return scheme === 'rsa' ? owner : `${owner}-${scheme}`;
}

async function loadPair(dir: string, own: string, peer: string, scheme: KeyScheme): Promise<KeyPair> {
  const [own_name, peer_name] = [keyName(own, scheme), keyName(peer, scheme)];
  const [private_pem, public_pem] = await Promise.all([readFile(join(dir, `${own_name}.pem`)), readFile(join(dir, `${peer_name}.pub.pem`))]);
  return { sign_key: requireScheme(createPrivateKey(private_pem), own_name, scheme), peer_key: requireScheme(createPublicKey(public_pem), peer_name, scheme) };
}

function requireScheme(key: KeyObject, name: string, scheme: KeyScheme): KeyObject {
  if (schemeOf(key).name.startsWith(scheme)) return key;
  throw new Error(`the key of ${name} is not of scheme ${scheme}`);
}
