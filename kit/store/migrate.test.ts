import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { freshDatabase } from '../../test/support/stack.ts';
import { migrate, type Migration } from './migrate.ts';
import { openDatabase } from './mysql.ts';

const log = silentLog();
const FIRST: Migration = { name: '0001_first', up: ['CREATE TABLE a (id INT PRIMARY KEY)', 'CREATE TABLE b (id INT PRIMARY KEY)'] };
const SECOND: Migration = { name: '0002_second', up: ['INSERT INTO a VALUES (1)'] };

test('migrations are applied once, in order, by however many processes at once', async (t) => {
  const { url, stop } = await freshDatabase();
  t.teardown(stop);
  const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(url, [FIRST, SECOND], { log })));
  t.deepEqual(applied.flat().toSorted(), ['0001_first', '0002_second']);
  t.deepEqual(await migrate(url, [FIRST, SECOND], { log }), []);
  const db = await openDatabase({ url, log, service: 'test' });
  t.teardown(() => db.close());
  t.is((await db.query('SELECT * FROM a')).length, 1);
  const [charset] = await db.query("SELECT TABLE_COLLATION AS c FROM information_schema.tables WHERE TABLE_NAME = 'b' AND TABLE_SCHEMA = DATABASE()");
  t.deepEqual(charset, { c: 'utf8mb4_bin' });
});

test('a database that is up to date needs no right to change tables', async (t) => {
  const { url, root_url, name, stop } = await freshDatabase();
  t.teardown(stop);
  await migrate(url, [FIRST], { log });
  const root = await openDatabase({ url: new URL('/mysql', root_url).href, log, service: 'test' });
  t.teardown(() => root.close());
  const [account] = await root.query<{ user: string; host: string }>('SELECT User AS user, Host AS host FROM mysql.user WHERE User = ?', [name]);
  await root.query('REVOKE ALL PRIVILEGES, GRANT OPTION FROM ?@?', [account!.user, account!.host]);
  await root.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON \`${name}\`.* TO ?@?`, [account!.user, account!.host]);
  t.deepEqual(await migrate(url, [FIRST], { log }), []);
  await t.throwsAsync(migrate(url, [FIRST, { name: '0002_more', up: ['CREATE TABLE z (id INT)'] }], { log }), { message: /0002_more failed/ });
});

test('while another process migrates for too long, the second gives up', async (t) => {
  const { url, stop } = await freshDatabase();
  t.teardown(stop);
  const db = await openDatabase({ url, log, service: 'test' });
  t.teardown(() => db.close());
  await db.transaction(async (tx) => {
    await tx.execute("SELECT GET_LOCK(CONCAT('migrate:', MD5(DATABASE())), 0)");
    await t.throwsAsync(migrate(url, [FIRST], { log, lock_timeout_s: 0 }), { message: /still running/ });
    await tx.execute("DO RELEASE_LOCK(CONCAT('migrate:', MD5(DATABASE())))");
  });
  t.deepEqual(await migrate(url, [FIRST], { log, lock_timeout_s: 0 }), ['0001_first']);
});

test('a migration that died half-way goes on behind its last finished statement', async (t) => {
  const { url, stop } = await freshDatabase();
  t.teardown(stop);
  const db = await openDatabase({ url, log, service: 'test' });
  t.teardown(() => db.close());
  // The second statement fails until the table it needs is there; the first can't be run twice.
  const needy: Migration = { name: '0001_needy', up: ['CREATE TABLE c (id INT PRIMARY KEY)', 'INSERT INTO later VALUES (1)'] };
  const error = await t.throwsAsync(migrate(url, [needy], { log }), { message: /0001_needy failed at statement 2/ });
  t.true(error?.cause instanceof Error);
  await db.query('CREATE TABLE later (id INT PRIMARY KEY)');
  t.deepEqual(await migrate(url, [needy], { log }), ['0001_needy']);
  t.is((await db.query('SELECT * FROM later')).length, 1);
});

test('a column or key that was added before the process died is not added again; a first time it is an error', async (t) => {
  const { url, stop } = await freshDatabase();
  t.teardown(stop);
  const db = await openDatabase({ url, log, service: 'test' });
  t.teardown(() => db.close());
  await migrate(url, [], { log });
  await db.query('CREATE TABLE d (id INT PRIMARY KEY, more INT, KEY d_more (more))');
  const wider: Migration = { name: '0001_wider', up: ['ALTER TABLE d ADD COLUMN more INT', 'ALTER TABLE d ADD KEY d_more (more)'] };
  await t.throwsAsync(migrate(url, [wider], { log }), { message: /0001_wider failed at statement 1/ });
  // As it was left: begun, and the statement not recorded.
  await t.throwsAsync(migrate(url, [wider], { log }), { message: /0001_wider failed at statement 2/ });
  t.deepEqual(await migrate(url, [wider], { log }), ['0001_wider']);
});

test('an applied migration that was edited is refused; a newer database is not', async (t) => {
  const { url, stop } = await freshDatabase();
  t.teardown(stop);
  await migrate(url, [FIRST, SECOND], { log });
  await t.throwsAsync(migrate(url, [{ ...FIRST, up: ['CREATE TABLE a (id BIGINT PRIMARY KEY)', FIRST.up[1]!] }], { log }), { message: /0001_first was changed/ });
  t.deepEqual(await migrate(url, [{ ...FIRST, up: FIRST.up.map((sql) => `  ${sql.replaceAll(' ', '\n  ')}`) }], { log }), [], 'indentation is no change');
  await t.throwsAsync(migrate(url, [SECOND, FIRST], { log }), { message: /out of order/ });
});
