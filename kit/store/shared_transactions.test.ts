import test from 'ava';
import { setTimeout as sleep } from 'node:timers/promises';
import { appendEvents } from '#kit/bus/outbox.ts';
import { fail, ok } from '#kit/base/result.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { CommitUnknown, isDuplicateKey, StoreUnavailable } from './errors.ts';
import { withRequestId } from './idempotency.ts';
import type { Tx } from './mysql.ts';
import { portOf, startProxy, testDatabase, through } from './testing.ts';

const store = await testDatabase(['CREATE TABLE counter (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)', 'CREATE TABLE done (unit BIGINT NOT NULL, step INT NOT NULL, PRIMARY KEY (unit, step))'], { multiple_statements: true });
const { db } = store;
test.after.always(() => store.stop());

const connectionOf = async (tx: Tx) => (await tx.execute<{ id: bigint }>('SELECT CONNECTION_ID() AS id'))[0]!.id;
const add = (tx: Tx, unit: number, step: number) => tx.execute('INSERT INTO done (unit, step) VALUES (?, ?)', [unit, step]);
const stepsOf = async (from: number, to: number) => (await db.query<{ unit: bigint }>('SELECT unit FROM done WHERE unit BETWEEN ? AND ? ORDER BY unit, step', [from, to])).map(({ unit }) => Number(unit));
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);

// One after the other, since what breaks company would break that of the others too.
test.serial('transactions of one moment share one of the database', async (t) => {
  const connections = await Promise.all(numbers(0, 40).map((unit) => db.transaction(async (tx) => {
    await add(tx, unit, 1);
    return connectionOf(tx);
  }, { share: { keys: [`unit/${unit}`] } })));
  t.true(new Set(connections).size <= 2, `${new Set(connections).size} connections`);
  t.is((await stepsOf(0, 39)).length, 40);
});

test.serial('those whose keys meet follow one another, in the order they came', async (t) => {
  await db.query('INSERT INTO counter (id, n) VALUES (1, 0)');
  const seen: number[] = [];
  await Promise.all(numbers(0, 30).map((unit) => db.transaction(async (tx) => {
    const [row] = await tx.execute<{ n: bigint }>('SELECT n FROM counter WHERE id = 1 FOR UPDATE');
    await tx.execute('UPDATE counter SET n = ? WHERE id = 1', [row!.n + 1n]);
    tx.afterCommit(() => seen.push(unit));
  }, { share: { keys: [`other/${unit}`, 'counter/1'] } })));
  t.is((await db.query<{ n: bigint }>('SELECT n FROM counter WHERE id = 1'))[0]!.n, 30n);
  t.deepEqual(seen, numbers(0, 30));
});

test.serial('one that fails leaves nothing behind and hears its own error, the others commit', async (t) => {
  const outcomes = await Promise.allSettled(numbers(100, 30).map((unit) => db.transaction(async (tx) => {
    if (unit % 10 === 3) throw new Error('before it wrote');
    await add(tx, unit, 1);
    await tx.later('INSERT INTO done (unit, step) VALUES (?, 2)', [unit]);
    if (unit % 10 === 5) throw new Error('after it wrote');
    // Step 1 is there already: a statement that fails, which nobody expects.
    if (unit % 10 === 7) await add(tx, unit, 1);
  }, { share: { keys: [`unit/${unit}`] } })));
  const errors = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as Error).message.slice(0, 9) : ''));
  t.deepEqual(errors.slice(0, 10), ['', '', '', 'before it', '', 'after it ', '', 'Duplicate', '', '']);
  t.deepEqual(await stepsOf(100, 129), numbers(100, 30).filter((unit) => ![3, 5, 7].includes(unit % 10)).flatMap((unit) => [unit, unit]));
});

test.serial('a key that is taken is an outcome like any other', async (t) => {
  await db.query('INSERT INTO done (unit, step) VALUES (205, 1)');
  const found = await Promise.all(numbers(200, 10).map((unit) => db.transaction(async (tx) => {
    try {
      await add(tx, unit, 1);
      return 'new';
    } catch (error) {
      if (isDuplicateKey(error)) return 'known';
      throw error;
    }
  }, { share: { keys: [`unit/${unit}`] } })));
  t.deepEqual(found, numbers(200, 10).map((unit) => (unit === 205 ? 'known' : 'new')));
});

test.serial('requests keep their one effect in company, replays and refusals too', async (t) => {
  const ids = numbers(300, 12).map(() => uuid7(systemClock, systemRandom));
  const ask = (unit: number, request_id: string) => db.transaction((tx) =>
    withRequestId(tx, { account_id: String(unit), request_id, method: 'm', body_hash: new Uint8Array(32), now_ms: Date.now() }, async (inner) => {
      await add(inner, unit, 1);
      return unit % 4 === 0 ? fail('SOLD_OUT') : ok(Buffer.from(String(unit)));
    }), { share: { keys: [`request/${unit}/${request_id}`] } });
  const twice = await Promise.all([...numbers(300, 12), ...numbers(300, 12)].map((unit) => ask(unit, ids[unit - 300]!)));
  for (const [index, result] of twice.entries()) {
    const unit = 300 + (index % 12);
    if (unit % 4 === 0) t.like(result, { ok: false, error: { reason: 'SOLD_OUT' } });
    else t.like(result, { ok: true, value: { replayed: index >= 12 } });
  }
  t.deepEqual(await stepsOf(300, 311), numbers(300, 12).filter((unit) => unit % 4 !== 0));
});

test.serial('their events count on without a gap, and those of the ones that fail are not told', async (t) => {
  const told: string[] = [];
  const stop = db.on('outbox', () => told.push('outbox'));
  await Promise.allSettled(numbers(400, 40).map((unit) => db.transaction(async (tx) => {
    await appendEvents(tx, [{ stream: 'ORDER', event_id: `shared-${unit}`, type: 'test', version: 1n, key: String(unit % 7), occurred_at: new Date(), payload: new Uint8Array() }]);
    if (unit % 9 === 0) throw new Error('only looked');
    await add(tx, unit, 1);
    if (unit % 11 === 0) throw new Error('wrote');
  }, { share: { keys: [`unit/${unit}`] } })));
  stop();
  const rows = await db.query<{ bucket: number; sequence: bigint; event_id: string }>("SELECT bucket, sequence, event_id FROM outbox WHERE event_id LIKE 'shared-%' ORDER BY bucket, sequence");
  const units = numbers(400, 40).filter((unit) => unit % 9 !== 0 && unit % 11 !== 0);
  t.deepEqual(rows.map(({ event_id }) => Number(event_id.slice(7))).toSorted((left, right) => left - right), units);
  for (const of_bucket of Map.groupBy(rows, ({ bucket }) => bucket).values()) t.deepEqual(of_bucket.map(({ sequence }) => Number(sequence)), numbers(1, of_bucket.length));
  t.true(told.length > 0);
});

test.serial('an event of one that only looked and failed is not told with those of the others', async (t) => {
  await Promise.allSettled(numbers(450, 10).map((unit) => db.transaction(async (tx) => {
    await appendEvents(tx, [{ stream: 'ORDER', event_id: `looked-${unit}`, type: 'test', version: 1n, key: 'one', occurred_at: new Date(), payload: new Uint8Array() }]);
    await connectionOf(tx);
    if (unit === 455) throw new Error('only looked');
  }, { share: { keys: [`unit/${unit}`] } })));
  const rows = await db.query<{ event_id: string }>("SELECT event_id FROM outbox WHERE event_id LIKE 'looked-%' ORDER BY sequence");
  t.deepEqual(rows.map(({ event_id }) => event_id), numbers(450, 10).filter((unit) => unit !== 455).map((unit) => `looked-${unit}`));
});

test.serial('several statements of one get their own answers in company', async (t) => {
  const answers = await Promise.all(numbers(0, 10).map((unit) => db.transaction(async (tx) => {
    if (unit % 2 === 0) return (await tx.execute(`SELECT ${unit} AS n`))[0];
    const [first, written, last] = await tx.executeMany(`SELECT ${unit} AS n; INSERT INTO done (unit, step) VALUES (?, 1); SELECT ${unit} AS n, 2 AS m`, [600 + unit]);
    return { ...first![0], ...last![0], written: written!.affected_rows };
  }, { share: { keys: [`unit/${unit}`] } })));
  t.deepEqual(answers.map((answer) => ({ ...answer })), numbers(0, 10).map((unit) => (unit % 2 === 0 ? { n: unit } : { n: unit, m: 2, written: 1 })));
});

test.serial('whatever units do and however they end, each has its whole effect or none', async (t) => {
  let state = 20261121;
  const random = (below: number) => (state = (state * 1103515245 + 12345) % 2147483648) % below;
  const units = numbers(1000, 400).map((unit) => ({ unit, steps: 1 + random(4), end: random(12), key: random(60), pause: random(20) }));
  const outcomes = await Promise.allSettled(units.map(async ({ unit, steps, end, key, pause }) => {
    await sleep(pause);
    return db.transaction(async (tx) => {
      for (let step = 0; step < steps; step += 1) {
        if (random(2) === 0) await tx.later('INSERT INTO done (unit, step) VALUES (?, ?)', [unit, step]);
        else await Promise.all([add(tx, unit, step), connectionOf(tx)]);
      }
      if (end === 0) throw new Error('its own');
      if (end === 1) await add(tx, unit, 0);
      if (end === 2) await tx.later('INSERT INTO done (unit, step) VALUES (?, 0)', [unit]);
      if (end === 3) tx.beforeCommit(async () => void (await add(tx, unit, 100)));
    }, { share: { keys: [`key/${key}`] } });
  }));
  const expected = units.flatMap(({ unit, steps, end }, index) => (outcomes[index]!.status === 'fulfilled' ? Array.from({ length: steps + (end === 3 ? 1 : 0) }, () => unit) : []));
  t.deepEqual(await stepsOf(1000, 1399), expected);
  t.deepEqual(outcomes.map(({ status }) => status === 'rejected'), units.map(({ end }) => end <= 2));
});

test.serial('a database that goes away is told to all of them for what it is', async (t) => {
  const proxy = await startProxy(portOf(store.url));
  t.teardown(() => proxy.stop());
  const far = await store.another({ url: through(store.url, proxy), pool_size: 2, statement_timeout_ms: 500 });
  const run = (unit: number, before: () => void) => far.transaction(async (tx) => {
    await add(tx, unit, 1);
    tx.beforeCommit(async () => before());
  }, { share: { keys: [`unit/${unit}`] }, timeout_ms: 1_000 });
  const unknown = await Promise.allSettled(numbers(500, 5).map((unit) => run(unit, () => unit === 504 && proxy.swallowAnswers())));
  t.deepEqual(unknown.map((outcome) => outcome.status === 'rejected' && outcome.reason instanceof CommitUnknown), numbers(0, 5).map(() => true));
  await proxy.cut();
  const away = await Promise.allSettled(numbers(510, 5).map((unit) => run(unit, () => {})));
  t.deepEqual(away.map((outcome) => outcome.status === 'rejected' && outcome.reason instanceof StoreUnavailable), numbers(0, 5).map(() => true));
  await proxy.restore();
  await Promise.all(numbers(520, 5).map((unit) => run(unit, () => {})));
  t.is((await stepsOf(510, 524)).length, 5);
});

test.serial('SELECTs of one moment go in one packet, and a wrong one fails alone', async (t) => {
  await db.query('INSERT INTO counter (id, n) VALUES (701, 7), (702, 8)');
  const outcomes = await Promise.allSettled([701, 702, 703, 704].map((id) => db.read<{ n: bigint }>(id < 704 ? 'SELECT n FROM counter WHERE id = ?' : 'SELECT nothing FROM nowhere', [id])));
  t.deepEqual(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.map(({ n }) => n) : 'failed')), [[7n], [8n], [], 'failed']);
  const [left, right] = await Promise.all([db.read<{ id: bigint }>('SELECT CONNECTION_ID() AS id'), db.read<{ id: bigint }>('SELECT CONNECTION_ID() AS id')]);
  t.is(left[0]!.id, right[0]!.id);
});
