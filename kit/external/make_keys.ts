// Makes the key files of a local stack or a test. In production they come from the secret store, under the same names.
import { createPrivateKey, createPublicKey, generateKeyPair, randomUUID } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { link, mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keyName, OUR_NAME, OUTSIDE_SYSTEMS } from './keys.ts';
import type { KeyScheme, OutsideSystem } from './keys.ts';

export type KeyDirs = {
  /** SIGNING_KEYS_DIR of our services. */
  signing_keys_dir: string;
  /** SANDBOX_KEYS_DIR of the outside systems; none in an installation that talks to real ones. */
  sandbox_keys_dir?: string;
};

/**
 * Makes every key that is not there yet and leaves the others alone, so it may run at each start and in several
 * processes at once:
 *
 *     SIGNING_KEYS_DIR/chunyun.pem          RSA-2048, signs our requests to outside systems
 *     SIGNING_KEYS_DIR/<system>.pub.pem     RSA-2048, checks their answers and callbacks
 *     SIGNING_KEYS_DIR/chunyun-sm2.pem, gateway-sm2.pub.pem   the same with SM2, for the payment channels that ask for it
 *     SIGNING_KEYS_DIR/jwt-<kid>.pem        EC P-256 (ES256), signs access tokens
 *     SIGNING_KEYS_DIR/ticket-<kid>.pem     Ed25519, signs e-tickets
 *     SANDBOX_KEYS_DIR/<system>.pem and chunyun.pub.pem, and the same with -sm2
 */
export async function ensureKeys({ signing_keys_dir, sandbox_keys_dir }: KeyDirs): Promise<void> {
  await mkdir(signing_keys_dir, { recursive: true, mode: 0o700 });
  await ensureKid(signing_keys_dir, 'jwt', 'ec');
  await ensureKid(signing_keys_dir, 'ticket', 'ed25519');
  if (sandbox_keys_dir !== undefined) await mkdir(sandbox_keys_dir, { recursive: true, mode: 0o700 });
  await ensurePairs(signing_keys_dir, sandbox_keys_dir, 'rsa', OUTSIDE_SYSTEMS);
  await ensurePairs(signing_keys_dir, sandbox_keys_dir, 'sm2', SM2_SYSTEMS);
}

/** The outside systems that we also speak SM2 with. */
const SM2_SYSTEMS: readonly OutsideSystem[] = ['gateway'];

/** Our key of a scheme, those of the systems, and to each side the public ones of the other. */
async function ensurePairs(ours_dir: string, theirs_dir: string | undefined, scheme: KeyScheme, systems: readonly OutsideSystem[]): Promise<void> {
  const ours = keyName(OUR_NAME, scheme);
  const our_key = await ensureKey(join(ours_dir, `${ours}.pem`), scheme);
  if (theirs_dir === undefined) return;
  await ensurePublic(join(theirs_dir, `${ours}.pub.pem`), our_key);
  for (const system of systems) {
    const theirs = keyName(system, scheme);
    const key = await ensureKey(join(theirs_dir, `${theirs}.pem`), scheme);
    await ensurePublic(join(ours_dir, `${theirs}.pub.pem`), key);
  }
}

/** Adds a key of a family (`jwt`, `ticket`) under a key id of its own: the first half of a rotation. */
export async function addKey(dir: string, family: 'jwt' | 'ticket', kid: string): Promise<void> {
  if (!/^[\w.-]{1,32}$/.test(kid)) throw new Error('a key id has 1 to 32 letters, digits, dots, dashes or underscores');
  await ensureKey(join(dir, `${family}-${kid}.pem`), family === 'jwt' ? 'ec' : 'ed25519');
}

const FIRST_KID = 'k0001';

type KeyType = KeyScheme | 'ec' | 'ed25519';

async function ensureKid(dir: string, family: 'jwt' | 'ticket', type: KeyType): Promise<void> {
  const files = await readdir(dir);
  if (files.some((file) => file.startsWith(`${family}-`) && file.endsWith('.pem'))) return;
  await ensureKey(join(dir, `${family}-${FIRST_KID}.pem`), type);
}

async function ensureKey(path: string, type: KeyType): Promise<KeyObject> {
  const known = await readIfThere(path);
  if (known !== undefined) return createPrivateKey(known);
  const key = await makeKey(type);
  const pem = key.export({ type: 'pkcs8', format: 'pem' });
  // Of two processes the first wins, and both go on with what stands in the file.
  await writeOnce(path, pem, 0o600);
  return createPrivateKey(await readFile(path));
}

async function ensurePublic(path: string, key: KeyObject): Promise<void> {
  const pem = createPublicKey(key).export({ type: 'spki', format: 'pem' });
  if ((await readIfThere(path))?.toString() === pem) return;
  await unlink(path).catch(() => undefined);
  await writeOnce(path, pem, 0o644);
}

/** A reader never sees half a file, and an existing file is never replaced. */
async function writeOnce(path: string, text: string | Buffer, mode: number): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, text, { mode, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function makeKey(type: KeyType): Promise<KeyObject> {
  const generate = promisify(generateKeyPair);
  if (type === 'rsa') return (await generate('rsa', { modulusLength: 2048 })).privateKey;
  if (type === 'sm2') return (await generate('ec', { namedCurve: 'SM2' })).privateKey;
  if (type === 'ec') return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
  return (await generate('ed25519')).privateKey;
}
