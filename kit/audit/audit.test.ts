import { randomBytes } from 'node:crypto';
import test from 'ava';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { testDatabase } from '#kit/store/testing.ts';
import { searchAudit, writeAudit, writeAudits, type AuditEntry } from './audit.ts';

const store = await testDatabase();
const { db } = store;
test.after.always(() => store.stop());
const keys = { keyring: createKeyring({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), index: createBlindIndex('ab'.repeat(32)) };

const entry = (more: Partial<AuditEntry> = {}): AuditEntry => ({
  actor_account: 2n ** 62n,
  actor_service: 'order',
  device_id: 'device-0123456789',
  ip: '203.0.113.77',
  operation: 'order.Cancel',
  target: 'order/1',
  result: 'ok',
  request_id: 'r-1',
  version: 3n,
  time: new Date('2026-02-01T00:00:00.123Z'),
  ...more,
});

test.serial('a record is found by who, what and whence, and shows masked', async (t) => {
  await db.transaction((tx) => writeAudit(tx, keys, entry()));
  await db.transaction((tx) => writeAudit(tx, keys, entry({ actor_account: 5n, ip: '2001:db8:1:2::5', device_id: undefined, target: 'order/2', version: undefined, request_id: undefined })));
  const { records, next } = await searchAudit(db, keys, { ip: '203.0.113.77' });
  t.is(next, undefined);
  t.is(records.length, 1);
  t.like(records[0], { actor_account: String(2n ** 62n), ip: '203.0.*.*', device_id: 'devi****', operation: 'order.Cancel', version: 3n, request_id: 'r-1', time: new Date('2026-02-01T00:00:00.123Z') });
  t.like((await searchAudit(db, keys, { target: 'order/1' }, { clear: true })).records[0], { ip: '203.0.113.77', device_id: 'device-0123456789' });
  t.like((await searchAudit(db, keys, { actor_account: 5n })).records[0], { ip: '2001:db8:1:****', device_id: undefined, version: undefined });
  t.is((await searchAudit(db, keys, { device_id: 'device-0123456789', since: new Date('2026-02-01') })).records.length, 1);
  t.is((await searchAudit(db, keys, { until: new Date('2026-02-01') })).records.length, 0);
});

test.serial('no column holds an address or a device in clear', async (t) => {
  const rows = await db.query('SELECT * FROM audit_record');
  const dump = JSON.stringify(rows.map((row) => Object.values(row).map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : String(value)))));
  t.true(rows.length > 0);
  t.false(/203\.0|device-01|2001:db8/.test(dump));
});

test.serial('a sealed address copied to another record does not open there', async (t) => {
  await db.query("UPDATE audit_record a JOIN audit_record b ON b.target = 'order/1' SET a.ip_sealed = b.ip_sealed WHERE a.target = 'order/2'");
  await t.throwsAsync(searchAudit(db, keys, { target: 'order/2' }), { name: 'SealError' });
  await db.query("DELETE FROM audit_record WHERE target = 'order/2'");
});

test.serial('the record goes with its effect', async (t) => {
  await t.throwsAsync(
    db.transaction(async (tx) => {
      await writeAudit(tx, keys, entry({ target: 'order/undone' }));
      throw new Error('undone');
    }),
  );
  t.is((await searchAudit(db, keys, { target: 'order/undone' })).records.length, 0);
});

test.serial('pages follow one another, newest first', async (t) => {
  const times = Array.from({ length: 5 }, (_, index) => new Date(Date.UTC(2026, 2, 1, index)));
  for (const time of times) await db.transaction((tx) => writeAudit(tx, keys, entry({ operation: 'paged', time })));
  const first = await searchAudit(db, keys, { operation: 'paged', limit: 3 });
  const second = await searchAudit(db, keys, { operation: 'paged', limit: 3, after: first.next });
  t.deepEqual([...first.records, ...second.records].map((record) => record.time), times.toReversed());
  t.is(second.next, undefined);
  t.is((await searchAudit(db, keys, { operation: 'paged', limit: 5 })).next, undefined, 'a full page is the last one when nothing follows');
});

test.serial('pages go on within one moment, and from records that others keep', async (t) => {
  const time = new Date(Date.UTC(2026, 3, 1));
  await db.transaction((tx) => writeAudits(tx, keys, Array.from({ length: 5 }, () => entry({ operation: 'at once', time }))));
  const ids = (await searchAudit(db, keys, { operation: 'at once' })).records.map(({ audit_id }) => audit_id);
  t.deepEqual(ids, ids.toSorted().toReversed());
  const { records, next } = await searchAudit(db, keys, { operation: 'at once', limit: 2, after: ids[1] });
  t.deepEqual(records.map(({ audit_id }) => audit_id), ids.slice(2, 4));
  t.is(next, ids[3]);
  const elsewhere = formatUuid7(time.getTime() + 1, new Uint8Array(10));
  t.is((await searchAudit(db, keys, { operation: 'at once', after: elsewhere })).records.length, 5);
  t.is((await searchAudit(db, keys, { operation: 'at once', after: formatUuid7(time.getTime() - 1, new Uint8Array(10)) })).records.length, 0);
});

test.serial('an audit without devices and addresses needs no keys', async (t) => {
  await db.transaction((tx) => writeAudit(tx, keys, entry({ target: 'hold/1', device_id: undefined, ip: undefined })));
  t.like((await searchAudit(db, undefined, { target: 'hold/1' })).records[0], { device_id: undefined, ip: undefined });
  await t.throwsAsync(searchAudit(db, undefined, { target: 'order/1' }), { message: /need its keys/ });
});
