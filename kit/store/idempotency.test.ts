import { createHash } from 'node:crypto';
import test from 'ava';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { fail, ok } from '#kit/base/result.ts';
import { formatUuid7, uuid7 } from '#kit/base/uuid7.ts';
import { withRequestId, type RequestKey } from './idempotency.ts';
import { testDatabase } from './testing.ts';

const store = await testDatabase(['CREATE TABLE effect (id BIGINT AUTO_INCREMENT PRIMARY KEY, request VARCHAR(40) NOT NULL)']);
const { db } = store;
test.after.always(() => store.stop());

const hashOf = (body: string) => createHash('sha256').update(body).digest();
const keyOf = (more: Partial<RequestKey> = {}): RequestKey => ({
  account_id: 42n,
  request_id: uuid7(systemClock, systemRandom),
  method: 'rail.order.v1.OrderService/Submit',
  body_hash: hashOf('body'),
  now_ms: Date.now(),
  ...more,
});
const effectsOf = async (key: RequestKey) => (await db.query('SELECT id FROM effect WHERE request = ?', [key.request_id])).length;
const once = (key: RequestKey, answer = 'answer') =>
  db.transaction((tx) =>
    withRequestId(tx, key, async () => {
      await tx.execute('INSERT INTO effect (request) VALUES (?)', [key.request_id]);
      return ok(Buffer.from(answer));
    }),
  );

test('a repeat has no effect and gets the first answer', async (t) => {
  const key = keyOf();
  const first = await once(key, 'first');
  const second = await once(key, 'second');
  t.deepEqual(first, ok({ answer: Buffer.from('first'), replayed: false }));
  t.deepEqual(second, ok({ answer: new Uint8Array(Buffer.from('first')), replayed: true }));
  t.is(await effectsOf(key), 1);
});

test('of many at once one has its effect, and all get its answer', async (t) => {
  const key = keyOf();
  const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => once(key, `answer ${index}`)));
  t.is(await effectsOf(key), 1);
  const texts = answers.map((answer) => (answer.ok ? Buffer.from(answer.value.answer).toString() : answer.error.reason));
  t.is(new Set(texts).size, 1);
  t.is(answers.filter((answer) => answer.ok && !answer.value.replayed).length, 1);
});

test('a second one waits while the first is undecided, and takes over when the first is undone', async (t) => {
  const key = keyOf();
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const first = db.transaction((tx) =>
    withRequestId(tx, key, async () => {
      started.resolve();
      await release.promise;
      throw new Error('undone');
    }),
  );
  await started.promise;
  const second = once(key, 'second');
  release.resolve();
  await t.throwsAsync(first, { message: 'undone' });
  t.deepEqual(await second, ok({ answer: Buffer.from('second'), replayed: false }));
});

test('another body or another method under the same id is refused', async (t) => {
  const key = keyOf();
  await once(key);
  t.like(await once({ ...key, body_hash: hashOf('other') }), { ok: false, error: { reason: 'REQUEST_ID_REUSED' } });
  t.like(await once({ ...key, method: 'rail.order.v1.OrderService/Cancel' }), { ok: false, error: { reason: 'REQUEST_ID_REUSED' } });
  t.like(await once({ ...key, account_id: 43n }), { ok: true, value: { replayed: false } });
  t.is(await effectsOf(key), 2);
});

test('a refusal leaves nothing behind, not even the id', async (t) => {
  const key = keyOf();
  const refused = await db.transaction((tx) =>
    withRequestId(tx, key, async () => {
      await tx.execute('INSERT INTO effect (request) VALUES (?)', [key.request_id]);
      return fail('SOLD_OUT');
    }),
  );
  t.like(refused, { ok: false, error: { reason: 'SOLD_OUT' } });
  t.is(await effectsOf(key), 0);
  t.like(await once(key), { ok: true, value: { replayed: false } });
});

test('ids that are no UUIDv7, too old or from the future are refused', async (t) => {
  const now_ms = Date.now();
  const idAt = (time_ms: number) => formatUuid7(time_ms, systemRandom.bytes(10));
  const week_ms = 7 * 24 * 3_600_000;
  const reasons = await Promise.all(
    ['nonsense', crypto.randomUUID(), idAt(now_ms - week_ms - 1), idAt(now_ms + 3_600_000)].map(async (request_id) => {
      const answer = await once(keyOf({ request_id, now_ms }));
      return answer.ok ? 'ok' : answer.error.reason;
    }),
  );
  t.deepEqual(reasons, ['REQUEST_ID_INVALID', 'REQUEST_ID_INVALID', 'REQUEST_ID_EXPIRED', 'REQUEST_ID_INVALID']);
  t.like(await once(keyOf({ request_id: idAt(now_ms - week_ms), now_ms })), { ok: true });
});
