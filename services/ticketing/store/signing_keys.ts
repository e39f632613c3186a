/** The keys of e-tickets: files `ticket-<kid>.pem` (Ed25519) in SIGNING_KEYS_DIR; all verify, the last in the order of names signs. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64Url } from '#kit/base/bytes.ts';
import type { TicketKeys } from '../app/ports.ts';
import { isSignedBy, readToken, type SigningKey } from '../domain/token.ts';

export type PublishedKey = { kid: string; public_key: Uint8Array; not_before_ms: number; not_after_ms: number | undefined };

export type TicketKeyFiles = TicketKeys & {
  /** The public halves of all keys. */
  published(): PublishedKey[];
  /** Reads the files again: a rotation needs no restart. */
  reload(): Promise<void>;
};

/** A ticket is sold at most this long before its last day; a key that signs no more verifies for as long. */
const TICKET_LIFE_MS = 60 * 24 * 3_600_000;

type Key = SigningKey & { verify_key: KeyObject; since_ms: number };

/**
 * A rotation: add a file (it is published at once and signs from the next reload on) and remove the old one once
 * its last ticket has run out. Throws when there is no usable key.
 */
export async function openTicketKeys(dir: string): Promise<TicketKeyFiles> {
  let keys = await readKeys(dir);
  return {
    signing: () => keys.at(-1)!,
    isOurs(token) {
      const read = readToken(token);
      const key = keys.find(({ kid }) => kid === read?.kid);
      return read !== undefined && key !== undefined && isSignedBy(read, key.verify_key) ? read : undefined;
    },
    published: () => keys.map(({ kid, verify_key, since_ms }, index) => ({ kid, public_key: rawOf(verify_key), not_before_ms: since_ms, not_after_ms: endOf(keys[index + 1]) })),
    async reload() {
      keys = await readKeys(dir);
    },
  };
}

async function readKeys(dir: string): Promise<Key[]> {
  const kids = (await readdir(dir)).map((file) => /^ticket-([\w-]{1,16})\.pem$/.exec(file)?.[1]).filter((kid) => kid !== undefined).toSorted();
  const keys = await Promise.all(
    kids.map(async (kid): Promise<Key> => {
      const path = join(dir, `ticket-${kid}.pem`);
      const private_key = createPrivateKey(await readFile(path));
      if (private_key.asymmetricKeyType !== 'ed25519') throw new Error(`the key ${kid} of tickets is not Ed25519`);
      return { kid, private_key, verify_key: createPublicKey(private_key), since_ms: Math.floor((await stat(path)).mtimeMs) };
    }),
  );
  if (keys.length === 0) throw new Error('there is no key to sign tickets with');
  return keys;
}

function endOf(successor: Key | undefined): number | undefined {
  return successor === undefined ? undefined : successor.since_ms + TICKET_LIFE_MS;
}

function rawOf(key: KeyObject): Uint8Array {
  return fromBase64Url(key.export({ format: 'jwk' }).x!)!;
}
