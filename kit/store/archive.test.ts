import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { uuid7 } from '#kit/base/uuid7.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { ok } from '#kit/base/result.ts';
import { archiveRequestIds, archiveTables } from './archive.ts';
import { withRequestId } from './idempotency.ts';
import { testDatabase } from './testing.ts';

async function fresh(t: ExecutionContext) {
  const store = await testDatabase(archiveTables());
  t.teardown(() => store.stop());
  const { db } = store;
  const put = async (days_ago: number, answer: Uint8Array): Promise<string> => {
    const request_id = uuid7(systemClock, systemRandom);
    const key = { account_id: '7', request_id, method: '/x/Y', body_hash: randomBytes(32), now_ms: Date.now() };
    await db.transaction((tx) => withRequestId(tx, key, async () => ok(answer)));
    await db.query('UPDATE idempotency SET created_at = UTC_TIMESTAMP(3) - INTERVAL ? HOUR WHERE request_id = ?', [days_ago * 24, Buffer.from(request_id.replaceAll('-', ''), 'hex')]);
    return request_id;
  };
  const count = async (table: string) => (await db.query(`SELECT 1 FROM ${table}`)).length;
  return { db, put, count };
}

test('answers stay while their request may come again, then lie in the archive for thirty days, then are gone', async (t) => {
  const { db, put, count } = await fresh(t);
  await put(7.9, Buffer.from('young'));
  await put(8.1, Buffer.from('old'));
  t.deepEqual(await archiveRequestIds(db), { archived: 1, deleted: 0 });
  t.is(await count('idempotency'), 1);
  const [kept] = await db.query<{ answer: Buffer; method: string; account_id: string }>('SELECT * FROM idempotency_archive');
  t.like(kept, { account_id: '7', method: '/x/Y' });
  t.is(kept!.answer.toString(), 'old');
  await db.query('UPDATE idempotency_archive SET archived_at = UTC_TIMESTAMP(3) - INTERVAL 719 HOUR');
  t.deepEqual(await archiveRequestIds(db), { archived: 0, deleted: 0 });
  await db.query('UPDATE idempotency_archive SET archived_at = UTC_TIMESTAMP(3) - INTERVAL 721 HOUR');
  t.deepEqual(await archiveRequestIds(db), { archived: 0, deleted: 1 });
  t.is(await count('idempotency'), 1);
});

test('a batch is bounded, and two that archive at once move each row once', async (t) => {
  const { db, put, count } = await fresh(t);
  for (let index = 0; index < 10; index += 1) await put(9 + index, Buffer.from(String(index)));
  t.deepEqual(await archiveRequestIds(db, 4), { archived: 4, deleted: 0 });
  const oldest = await db.query<{ answer: Buffer }>('SELECT answer FROM idempotency_archive');
  t.deepEqual(oldest.map(({ answer }) => answer.toString()).toSorted(), ['6', '7', '8', '9'], 'the oldest go first');
  const [one, other] = await Promise.all([archiveRequestIds(db, 6), archiveRequestIds(db, 6)]);
  t.is(one.archived + other.archived, 6);
  t.is(await count('idempotency'), 0);
  t.is(await count('idempotency_archive'), 10);
});
