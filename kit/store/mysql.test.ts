import test from 'ava';
import { defineEntity, p } from '@mikro-orm/core';
import { silentLog } from '#kit/telemetry/log.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { CommitUnknown, ContentionError, isDuplicateKey, isOutage, StatementTimeout, StoreUnavailable } from './errors.ts';
import { openDatabase, type Tx } from './mysql.ts';
import { sealedText } from './sealed_text.ts';
import { portOf, startProxy, testDatabase, through } from './testing.ts';

const keyring = createKeyring({ active: 'k1', keys: { k1: Buffer.alloc(32, 7).toString('base64') } });
const Person = defineEntity({
  name: 'Person',
  tableName: 'person',
  properties: {
    id: p.bigint().primary(),
    name: p.type(sealedText(keyring, 'person.name')),
    born: p.datetime(),
    points: p.bigint(),
    version: p.integer().version(),
  },
});
const TABLES = [
  'CREATE TABLE person (id BIGINT PRIMARY KEY, name VARBINARY(512) NOT NULL, born DATETIME(3) NOT NULL, points BIGINT NOT NULL, version INT NOT NULL DEFAULT 1)',
  'CREATE TABLE counter (id BIGINT PRIMARY KEY, n BIGINT NOT NULL, price DECIMAL(12,2) NULL, day DATE NULL, at DATETIME(3) NULL, raw VARBINARY(16) NULL)',
];
const store = await testDatabase(TABLES, { entities: [Person], multiple_statements: true });
const { db } = store;
test.after.always(() => store.stop());

const LARGEST = 2n ** 63n - 1n;

test('values keep their type and their last digit, whatever their size', async (t) => {
  const at = new Date('2026-02-01T23:59:59.123Z');
  await db.query('INSERT INTO counter VALUES (?, ?, ?, ?, ?, ?), (?, ?, NULL, NULL, NULL, NULL)', [LARGEST, -5n, '9999999999.99', '2026-02-17', at, new Uint8Array([0, 255, 39, 92]), 1n, 9007199254740993n]);
  const rows = await db.query('SELECT * FROM counter WHERE id IN (?) ORDER BY id', [[1n, LARGEST]]);
  t.deepEqual([...rows], [
    { id: 1n, n: 9007199254740993n, price: null, day: null, at: null, raw: null },
    { id: LARGEST, n: -5n, price: '9999999999.99', day: '2026-02-17', at, raw: Buffer.from([0, 255, 39, 92]) },
  ]);
  const [count] = await db.query('SELECT COUNT(*) AS n FROM counter WHERE id = ?', [LARGEST]);
  t.deepEqual(count, { n: 1n });
});

test('a compare-and-set tells by affected_rows whether it matched, even when it changes nothing', async (t) => {
  await db.query('INSERT INTO counter (id, n) VALUES (10, 1)');
  t.is((await db.query('UPDATE counter SET n = 1 WHERE id = 10 AND n = 1')).affected_rows, 1);
  t.is((await db.query('UPDATE counter SET n = 2 WHERE id = 10 AND n = 5')).affected_rows, 0);
});

test('the session is READ COMMITTED, in UTC, strict, and waits a bounded time for a row', async (t) => {
  const [row] = await db.query('SELECT @@tx_isolation AS isolation, @@time_zone AS zone, @@innodb_lock_wait_timeout AS wait_s, @@sql_mode AS mode, @@character_set_client AS charset');
  t.like(row, { isolation: 'READ-COMMITTED', zone: '+00:00', wait_s: 5n, charset: 'utf8mb4' });
  t.regex(String(row?.['mode']), /STRICT_TRANS_TABLES/);
});

test('the ORM and raw SQL share one transaction', async (t) => {
  await t.throwsAsync(
    db.transaction(async (tx) => {
      tx.em.create(Person, { id: 50n, name: '张伟', born: new Date(0), points: 1n });
      await tx.em.flush();
      t.is((await tx.execute('SELECT id FROM person WHERE id = 50')).length, 1);
      throw new Error('undo');
    }),
    { message: 'undo' },
  );
  t.is((await db.query('SELECT id FROM person WHERE id = 50')).length, 0);
});

test('an entity keeps 63-bit ids, flushes before the commit and stores sealed text', async (t) => {
  await db.transaction(async (tx) => {
    tx.em.create(Person, { id: LARGEST, name: '张伟', born: new Date(0), points: 9007199254740993n });
  });
  const [raw] = await db.query<{ name: Buffer; points: bigint }>('SELECT name, points FROM person WHERE id = ?', [LARGEST]);
  t.is(raw?.points, 9007199254740993n);
  t.false(raw?.name.includes('张伟'));
  await db.transaction(async (tx) => {
    const person = await tx.em.findOneOrFail(Person, { id: LARGEST });
    t.is(person.name, '张伟');
    t.is(person.points, 9007199254740993n);
    t.is(await tx.em.count(Person, { id: LARGEST }), 1);
  });
  const [again] = await db.query<{ version: number }>('SELECT version FROM person WHERE id = ?', [LARGEST]);
  t.is(again?.version, 1, 'reading a sealed column must not write it');
  await db.transaction(async (tx) => {
    (await tx.em.findOneOrFail(Person, { id: LARGEST })).name = '李娜';
  });
  const [changed] = await db.query<{ version: number; name: Buffer }>('SELECT version, name FROM person WHERE id = ?', [LARGEST]);
  t.is(changed?.version, 2);
  t.is(keyring.openText(changed?.name ?? new Uint8Array(), 'person.name'), '李娜');
});

test('a nested ORM transaction is a savepoint of ours', async (t) => {
  await db.transaction(async (tx) => {
    await tx.execute('INSERT INTO counter (id, n) VALUES (60, 1)');
    await t.throwsAsync(
      tx.em.transactional(async (em) => {
        em.create(Person, { id: 61n, name: 'x', born: new Date(0), points: 0n });
        await em.flush();
        throw new Error('inner');
      }),
      { message: 'inner' },
    );
  });
  t.is((await db.query('SELECT id FROM counter WHERE id = 60')).length, 1);
  t.is((await db.query('SELECT id FROM person WHERE id = 61')).length, 0);
});

test('several statements go in one packet', async (t) => {
  const results = await db.transaction((tx) => tx.executeMany('SELECT 1 AS a; UPDATE counter SET n = n WHERE id = ?; SELECT 2 AS b WHERE FALSE', [-1n]));
  t.deepEqual(results.map((result) => [...result]), [[{ a: 1 }], [], []]);
});

test('what goes with the commit is undone with the transaction, and taken back with a savepoint', async (t) => {
  const insert = (id: number) => ({ sql: 'INSERT INTO counter (id, n) VALUES (?, 1)', params: [id] });
  await t.throwsAsync(db.transaction(async (tx) => {
    await tx.execute('INSERT INTO counter (id, n) VALUES (410, 1)');
    tx.withCommit(() => [insert(411), insert(411)]);
  }), { message: /Duplicate/ });
  await db.transaction(async (tx) => {
    tx.withCommit(() => [insert(412)]);
    const point = await tx.savepoint();
    tx.withCommit(() => [insert(413)]);
    await point.rollback();
  });
  t.deepEqual([...(await db.query('SELECT id FROM counter WHERE id BETWEEN 410 AND 413'))], [{ id: 412n }]);
});

test('a transaction that begins in the packet of its first statement is one', async (t) => {
  const plain = await store.another({ entities: [], multiple_statements: true, pool_size: 1 });
  await plain.query('SELECT 1');
  await t.throwsAsync(plain.transaction(async (tx) => {
    t.is((await tx.execute('INSERT INTO counter (id, n) VALUES (65, 1)')).affected_rows, 1);
    throw new Error('undone');
  }), { message: 'undone' });
  await plain.transaction(async (tx) => {
    const [rows, written] = await tx.executeMany('SELECT id FROM counter WHERE id = 65; INSERT INTO counter (id, n) VALUES (66, 1)');
    t.deepEqual([rows!.length, written!.affected_rows], [0, 1]);
  });
  t.deepEqual([...(await plain.query('SELECT id FROM counter WHERE id IN (65, 66)'))], [{ id: 66n }]);
});

test('writes that nobody waits for go with the next statement or the commit, in order, and are undone with the transaction', async (t) => {
  const plain = await store.another({ entities: [], multiple_statements: true, pool_size: 1 });
  await plain.query('SELECT 1');
  const add = (tx: Tx, id: number) => tx.later('INSERT INTO counter (id, n) VALUES (?, 1)', [id]);
  await plain.transaction(async (tx) => {
    await add(tx, 510);
    t.is((await tx.execute('SELECT id FROM counter WHERE id = 510')).length, 1);
    await add(tx, 511);
  });
  await t.throwsAsync(plain.transaction(async (tx) => {
    await add(tx, 512);
    await add(tx, 512);
  }), { message: /Duplicate/ });
  await t.throwsAsync(plain.transaction(async (tx) => {
    await add(tx, 513);
    throw new Error('undone');
  }), { message: 'undone' });
  t.deepEqual((await plain.query<{ id: bigint }>('SELECT id FROM counter WHERE id BETWEEN 510 AND 513')).map(({ id }) => id), [510n, 511n]);
});

test('coming back to a savepoint takes back what waits behind it, sent or not', async (t) => {
  for (const multiple_statements of [true, false]) {
    const plain = await store.another({ entities: [], multiple_statements, pool_size: 1 });
    const from = multiple_statements ? 520 : 530;
    await plain.transaction(async (tx) => {
      await tx.later('INSERT INTO counter (id, n) VALUES (?, 1)', [from]);
      const unsent = await tx.savepoint();
      await tx.later('INSERT INTO counter (id, n) VALUES (?, 1)', [from + 1]);
      await unsent.rollback();
      t.is((await tx.execute('SELECT id FROM counter WHERE id IN (?, ?)', [from, from + 1])).length, 1);
      const sent = await tx.savepoint();
      await tx.execute('INSERT INTO counter (id, n) VALUES (?, 1)', [from + 2]);
      await tx.later('INSERT INTO counter (id, n) VALUES (?, 1)', [from + 3]);
      await sent.rollback();
      await tx.later('INSERT INTO counter (id, n) VALUES (?, 1)', [from + 4]);
    });
    const rows = await plain.query<{ id: bigint }>('SELECT id FROM counter WHERE id BETWEEN ? AND ?', [from, from + 9]);
    t.deepEqual(rows.map(({ id }) => Number(id) - from), [0, 4]);
  }
});

test('two transactions that deadlock both commit in the end', async (t) => {
  await db.query('INSERT INTO counter (id, n) VALUES (70, 0), (71, 0)');
  let runs = 0;
  const both = Promise.withResolvers<void>();
  const cross = (first: number, second: number) =>
    db.transaction(async (tx) => {
      await tx.execute('UPDATE counter SET n = n + 1 WHERE id = ?', [first]);
      runs += 1;
      if (runs === 2) both.resolve();
      await both.promise;
      await tx.execute('UPDATE counter SET n = n + 1 WHERE id = ?', [second]);
    });
  await Promise.all([cross(70, 71), cross(71, 70)]);
  t.true(runs >= 3, 'one of them must have run again');
  t.deepEqual([...(await db.query('SELECT n FROM counter WHERE id IN (70, 71)'))], [{ n: 2n }, { n: 2n }]);
});

test('a transaction whose deadlock was swallowed does not commit its second half', async (t) => {
  await db.query('INSERT INTO counter (id, n) VALUES (75, 0)');
  const error = await t.throwsAsync(
    db.transaction(
      async (tx) => {
        await tx.execute('UPDATE counter SET n = 1 WHERE id = 75');
        await tx.execute('SIGNAL SQLSTATE \'40001\' SET MYSQL_ERRNO = 1213').catch(() => {});
        await tx.execute('UPDATE counter SET n = 2 WHERE id = 75');
      },
      { attempts: 2 },
    ),
    { instanceOf: ContentionError },
  );
  t.is(error?.failure.reason, 'CONFLICT');
  t.deepEqual([...(await db.query('SELECT n FROM counter WHERE id = 75'))], [{ n: 0n }]);
});

test('a transaction past its deadline is rolled back and its locks are freed at once', async (t) => {
  await db.query('INSERT INTO counter (id, n) VALUES (80, 0), (81, 0)');
  const impatient = await store.another({ lock_wait_timeout_s: 1 });
  const patient = await store.another({ lock_wait_timeout_s: 600 });
  await db.transaction(async (blocker) => {
    await blocker.execute('UPDATE counter SET n = 9 WHERE id = 81');
    const error = await t.throwsAsync(
      patient.transaction(
        async (tx) => {
          await tx.execute('UPDATE counter SET n = 1 WHERE id = 80');
          // Waits for the blocker; a server that isn't told would go on waiting, and hold the row above.
          await tx.execute('UPDATE counter SET n = 1 WHERE id = 81');
        },
        { timeout_ms: 200 },
      ),
      { instanceOf: StatementTimeout },
    );
    t.is(error?.failure.reason, 'DEADLINE');
    t.is((await impatient.query('UPDATE counter SET n = 5 WHERE id = 80 AND n = 0')).affected_rows, 1);
  });
});

test('a transaction that forgets the time outside of SQL ends too, and is told', async (t) => {
  const told = Promise.withResolvers<unknown>();
  await t.throwsAsync(
    db.transaction(
      async (tx) => {
        tx.signal.addEventListener('abort', () => told.resolve(tx.signal.reason));
        await new Promise(() => {});
      },
      // Long enough to begin on a busy machine: before that there is nobody to tell.
      { timeout_ms: 1_000 },
    ),
    { instanceOf: StatementTimeout },
  );
  t.true((await told.promise) instanceof StatementTimeout);
});

test('a duplicate key is recognised, by its index too', async (t) => {
  await db.query('INSERT INTO counter (id, n) VALUES (90, 0)');
  const error = await t.throwsAsync(db.query('INSERT INTO counter (id, n) VALUES (90, 0)'));
  t.true(isDuplicateKey(error));
  t.true(isDuplicateKey(error, 'PRIMARY'));
  t.false(isDuplicateKey(error, 'other_index'));
  t.false(isOutage(error));
});

test('what follows a commit runs only after a commit', async (t) => {
  const seen: string[] = [];
  const stop = db.on('ring', () => seen.push('ring'));
  await db.transaction(async (tx) => {
    tx.afterCommit(() => seen.push('after'));
    tx.beforeCommit(async () => void seen.push('before'));
    tx.notify('ring');
    tx.notify('ring');
    seen.push('work');
  });
  await t.throwsAsync(
    db.transaction(async (tx) => {
      tx.notify('ring');
      throw new Error('no');
    }),
  );
  stop();
  t.deepEqual(seen, ['work', 'before', 'after', 'ring']);
});

test('a connection lost under the ORM is told as the outage it is', async (t) => {
  const proxy = await startProxy(portOf(store.url));
  const cut = await openDatabase({ url: through(store.url, proxy), log: silentLog(), service: 'cut_orm', entities: [Person] });
  t.teardown(async () => {
    await cut.close();
    await proxy.stop();
  });
  await t.throwsAsync(
    cut.transaction(async (tx) => {
      await proxy.cut();
      await tx.em.find(Person, { id: 1n });
    }),
    { instanceOf: StoreUnavailable },
  );
});

test('a lost connection is StoreUnavailable before the commit, CommitUnknown at it, and the pool recovers', async (t) => {
  const proxy = await startProxy(portOf(store.url));
  const cut = await openDatabase({ url: through(store.url, proxy), log: silentLog(), service: 'cut', pool_size: 2 });
  t.teardown(async () => {
    await cut.close();
    await proxy.stop();
  });
  await cut.query('INSERT INTO counter (id, n) VALUES (100, 0)');
  await t.throwsAsync(
    cut.transaction(async (tx) => {
      await tx.execute('UPDATE counter SET n = 1 WHERE id = 100');
      await proxy.cut();
      await tx.execute('UPDATE counter SET n = 2 WHERE id = 100');
    }),
    { instanceOf: StoreUnavailable },
  );
  await t.throwsAsync(cut.query('SELECT 1'), { instanceOf: StoreUnavailable });
  t.false(await cut.ping(200));
  await proxy.restore();
  t.true(await cut.ping());
  t.deepEqual([...(await cut.query('SELECT n FROM counter WHERE id = 100'))], [{ n: 0n }]);

  const error = await t.throwsAsync(
    cut.transaction(async (tx) => {
      await tx.execute('UPDATE counter SET n = 7 WHERE id = 100');
      tx.beforeCommit(async () => proxy.swallowAnswers());
    }, { timeout_ms: 500 }),
    { instanceOf: CommitUnknown },
  );
  t.true(isOutage(error));
  await proxy.cut();
  await proxy.restore();
  t.deepEqual([...(await cut.query('SELECT n FROM counter WHERE id = 100'))], [{ n: 7n }], 'this one did commit: unknown means unknown');
});

test('a full pool refuses in time instead of queueing for ever', async (t) => {
  const small = await store.another({ pool_size: 1, acquire_timeout_ms: 1_000 });
  const release = Promise.withResolvers<void>();
  const holder = small.transaction(async () => release.promise);
  await t.throwsAsync(small.query('SELECT 1'), { instanceOf: StoreUnavailable, message: /no database connection within 1000 ms/ });
  release.resolve();
  await holder;
  t.is((await small.query('SELECT 1 AS one')).length, 1);
});

test('a warm pool has made all its connections before it is used', async (t) => {
  const warm = await store.another({ pool_size: 4, warm: true });
  const listed = await db.query<{ id: bigint }>('SELECT ID AS id FROM information_schema.processlist WHERE db = DATABASE()');
  // Four at once need four connections.
  const used = await Promise.all(Array.from({ length: 4 }, () => warm.query<{ id: bigint }>('SELECT CONNECTION_ID() AS id, SLEEP(0.2)')));
  const ids = used.map(([row]) => String(row!.id));
  t.is(new Set(ids).size, 4);
  const before = new Set(listed.map(({ id }) => String(id)));
  t.deepEqual(ids.filter((id) => !before.has(id)), []);
});
