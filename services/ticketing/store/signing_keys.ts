/**
 * The keys of e-tickets. Private halves are files `ticket-<kid>.pem` (Ed25519) in SIGNING_KEYS_DIR, from the secret store;
 * which of them signs when, and the public halves, stand in the table `signing_key`, the same for all processes.
 *
 * A rotation is a new file. Whoever sees it first enters it: published at once, so that gates fetch it, and signing from a
 * set time on, at which every process passes to it by itself. The key before it verifies for the life of its last ticket,
 * also when its file is gone.
 */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#kit/base/clock.ts';
import { equalBytes, fromBase64Url } from '#kit/base/bytes.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { TicketKeys } from '../app/ports.ts';
import { TICKET_LIFE_MS } from '../domain/ticket.ts';
import { isSignedBy, readToken, type SigningKey } from '../domain/token.ts';
import { publicKeyOf } from '../domain/verify_offline.ts';

export type PublishedKey = { kid: string; public_key: Uint8Array; not_before_ms: number; not_after_ms: number | undefined };

export type TicketKeyRing = TicketKeys & {
  /** The public halves of all keys that sign, will sign or have signed tickets still in use, in the order of signing. */
  published(): PublishedKey[];
  /** Reads files and table again: a rotation needs no restart. */
  reload(): Promise<void>;
};

export type TicketKeyOptions = { dir: string; db: Database; clock: Clock; log: Log; /** From the publication of a key to its first signature: longer than gates keep what they fetched. */ publish_ms: number };

type Key = PublishedKey & { verify_key: KeyObject; private_key: KeyObject | undefined };
type File = { kid: string; private_key: KeyObject; public_key: Uint8Array };
type Row = { kid: string; public_key: Buffer; activate_time: Date };

const MAX_KEYS = 1000;

/** Throws when there is no usable key. */
export async function openTicketKeys(options: TicketKeyOptions): Promise<TicketKeyRing> {
  const { clock } = options;
  let keys = await loadKeys(options);
  return {
    signing(): SigningKey {
      const now_ms = clock.now_ms();
      // A process that was not given the newest file yet goes on with the one before, which still verifies.
      const { kid, private_key } = keys.findLast((key) => key.not_before_ms <= now_ms && key.private_key !== undefined) ?? keys.find((key) => key.private_key !== undefined)!;
      return { kid, private_key: private_key! };
    },
    isOurs(token) {
      const read = readToken(token);
      const key = keys.find(({ kid }) => kid === read?.kid);
      return read !== undefined && key !== undefined && isSignedBy(read, key.verify_key) ? read : undefined;
    },
    published: () => keys.map(({ kid, public_key, not_before_ms, not_after_ms }) => ({ kid, public_key, not_before_ms, not_after_ms })),
    async reload() {
      keys = await loadKeys(options);
    },
  };
}

async function loadKeys({ dir, db, clock, log, publish_ms }: TicketKeyOptions): Promise<Key[]> {
  const files = await readFiles(dir);
  for (const file of files) await enter(db, file, publish_ms);
  const rows = await db.query<Row>('SELECT kid, public_key, activate_time FROM signing_key ORDER BY activate_time, kid LIMIT ?', [MAX_KEYS]);
  const keys = rows.map((row, index): Key => {
    const public_key = Uint8Array.from(row.public_key);
    const file = files.find(({ kid }) => kid === row.kid);
    const same = file !== undefined && equalBytes(file.public_key, public_key);
    if (file !== undefined && !same) log.error({ alert: true, kid: row.kid }, 'a key file is not the key that was published under its name; it signs nothing here');
    const successor = rows[index + 1];
    const not_after_ms = successor && successor.activate_time.getTime() + TICKET_LIFE_MS;
    return { kid: row.kid, public_key, not_before_ms: row.activate_time.getTime(), not_after_ms, verify_key: publicKeyOf(public_key), private_key: same ? file.private_key : undefined };
  });
  if (!keys.some(({ private_key }) => private_key !== undefined)) throw new Error('there is no key to sign tickets with');
  return keys.filter(({ not_after_ms }) => not_after_ms === undefined || not_after_ms >= clock.now_ms());
}

/** The very first key signs at once; later ones when everybody has had the time to hear of them. Repeating changes nothing. */
async function enter(db: Database, { kid, public_key }: File, publish_ms: number): Promise<void> {
  await db.query(
    `INSERT IGNORE INTO signing_key (kid, public_key, publish_time, activate_time)
     SELECT ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL IF((SELECT COUNT(*) FROM signing_key AS known) = 0, 0, ?) MICROSECOND`,
    [kid, Buffer.from(public_key), publish_ms * 1000],
  );
}

async function readFiles(dir: string): Promise<File[]> {
  const kids = (await readdir(dir)).map((file) => /^ticket-([\w-]{1,16})\.pem$/.exec(file)?.[1]).filter((kid) => kid !== undefined).toSorted();
  return Promise.all(
    kids.map(async (kid) => {
      const private_key = createPrivateKey(await readFile(join(dir, `ticket-${kid}.pem`)));
      if (private_key.asymmetricKeyType !== 'ed25519') throw new Error(`the key ${kid} of tickets is not Ed25519`);
      return { kid, private_key, public_key: fromBase64Url(createPublicKey(private_key).export({ format: 'jwk' }).x!)! };
    }),
  );
}
