/** Accounts with a verified passenger and an access token, written as identity writes them, before anything is measured. */
import { randomUUID } from 'node:crypto';
import { checkDigit } from '#kit/base/id_number.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { EPOCH_MS, joinSnowflake, WORKERS } from '#kit/base/snowflake.ts';
import { addDays } from '#kit/base/time.ts';
import type { KeyringConfig } from '#kit/crypto/column.ts';
import { openDatabase, type Database, type SqlValue } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { personText } from '../../../services/identity/domain/passenger.ts';
import { createTokenSigner } from '../../../services/identity/rpc/token_signer.ts';
import { openJwtKeys } from '../../../services/identity/store/jwt_keys.ts';
import { createVault, type Vault } from '../../../services/identity/store/vault.ts';

export type Buyer = { account_id: string; passenger_id: string; token: string; device_id: string; address: string };

/** Makes so many more people, none of whom has bought anything. */
export type People = { more(count: number): Promise<Buyer[]>; stop(): Promise<void> };

/** Who stands behind one address: campuses and carriers share theirs. */
const BUYERS_PER_ADDRESS = 20;
const ROWS_PER_INSERT = 500;
/** A number of the id's worker that no service of a fresh stack has leased. */
const WORKER = WORKERS - 1;
const DAYS_OF_BIRTH = 18_000;
const SERIALS = 1000;

export async function openPeople(env: Readonly<Record<string, string>>): Promise<People> {
  const db = await openDatabase({ url: env.MYSQL_URL_IDENTITY!, log: silentLog(), service: 'bench' });
  const vault = createVault(JSON.parse(env.COLUMN_KEYS!) as KeyringConfig, env.BLIND_INDEX_KEY!);
  const keys = await openJwtKeys(env.SIGNING_KEYS_DIR!, undefined);
  const signer = createTokenSigner({ signing: () => keys.signing(), issuer: env.JWT_ISSUER!, audience: env.JWT_AUDIENCE!, clock: systemClock, random: systemRandom });
  let number = 0;
  const one = async (): Promise<Invented> => {
    const index = number++;
    const gene = index % 256;
    const account_id = idOf(index * 2, gene);
    const device_id = randomUUID();
    const { token } = await signer.sign(accountOf(account_id), { session_id: randomUUID(), account_id, device_id, channel: 'web', create_time_ms: Date.now() });
    const block = Math.floor(index / BUYERS_PER_ADDRESS);
    return { account_id, passenger_id: idOf(index * 2 + 1, gene), id_number: idNumber(index), device_id, token, address: `100.${64 + ((block >> 16) & 63)}.${(block >> 8) & 255}.${block & 255}` };
  };
  return {
    async more(count) {
      const buyers: Buyer[] = [];
      while (buyers.length < count) {
        const batch = await Promise.all(Array.from({ length: Math.min(ROWS_PER_INSERT, count - buyers.length) }, one));
        await insert(db, vault, batch);
        buyers.push(...batch.map(({ account_id, passenger_id, ...rest }) => ({ ...rest, account_id: String(account_id), passenger_id: String(passenger_id) })));
      }
      return buyers;
    },
    stop: () => db.close(),
  };
}

type Invented = { account_id: bigint; passenger_id: bigint; id_number: string; device_id: string; token: string; address: string };

/** Ids of the first days of the epoch, where no service makes any. */
function idOf(index: number, gene: number): bigint {
  return joinSnowflake({ time_ms: EPOCH_MS + 1000 + (index >> 7), worker: WORKER, gene, sequence: index & 127 });
}

/** Numbers of GB 11643-1999, none of them twice. */
function idNumber(index: number): string {
  const born = addDays('1950-01-01', Math.floor(index / SERIALS) % DAYS_OF_BIRTH).replaceAll('-', '');
  const first_17 = `110101${born}${String(index % SERIALS).padStart(3, '0')}`;
  return `${first_17}${checkDigit(first_17)}`;
}

function accountOf(account_id: bigint) {
  return {
    account_id, login_name: `b_${account_id}`, password_hash: 'nobody signs in', phone: '', email: undefined, push_token: undefined, language: 'zh' as const, city: '', tenant: 'rail',
    roles: ['traveller' as const], member_level: 0, state: 'ACTIVE' as const, create_time_ms: Date.now(),
  };
}

async function insert(db: Database, vault: Vault, people: readonly Invented[]): Promise<void> {
  const now = new Date();
  const accounts = people.map(({ account_id }, index): SqlValue[] => {
    const phone = `139${String(Number(account_id % 100_000_000n) + index).slice(-8).padStart(8, '0')}`;
    return [account_id, `b_${account_id}`, `b_${account_id}`, '-', vault.seal(phone, 'account.phone', account_id), vault.index.of('phone', phone), 'zh', '', 'rail', 'traveller', 0, 'ACTIVE', now, 1n];
  });
  await db.query('INSERT INTO account (account_id, login_name, login_key, password_hash, phone_sealed, phone_index, language, city, tenant, roles, member_level, state, create_time, version) VALUES ?', [accounts]);
  const passengers = people.map(({ account_id, passenger_id, id_number }): SqlValue[] => {
    const person = { name: '张伟', id_type: 'RESIDENT' as const, id_number };
    return [
      passenger_id, account_id, vault.index.of('person', personText(person)), vault.seal(person.name, 'passenger.name', passenger_id), person.id_type,
      vault.seal(id_number, 'passenger.id_number', passenger_id), 'ADULT', 'VERIFIED', 1, 0, now, 0n, 1n, 0,
    ];
  });
  await db.query('INSERT INTO passenger (passenger_id, account_id, person_index, name_sealed, id_type, id_number_sealed, passenger_type, verify_state, verify_round, verify_tries, create_time, removed_as, version, attempts) VALUES ?', [passengers]);
}
