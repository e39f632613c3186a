import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { acquireLease, heldLease, releaseLease, renewLease, renewLeases, type Lease } from './lease.ts';
import { keepLeases } from './lease_keeper.ts';
import { portOf, startProxy, testDatabase, through, until } from './testing.ts';
import { leaseWorker } from './worker.ts';

const store = await testDatabase();
const { db } = store;
const log = silentLog();
test.after.always(() => store.stop());

const ask = (name: string, owner: string, ttl_ms = 60_000) => acquireLease(db, { name, owner, ttl_ms });
const end = (lease: Lease) => db.query('UPDATE lease SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE name = ?', [lease.name]);

test('one of many gets the lease, and the term grows with each owner', async (t) => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => ask('one', `owner-${index}`)));
  const [first, ...rest] = answers.filter((lease) => lease !== undefined);
  t.is(rest.length, 0);
  t.is(first?.term, 1n);
  t.is(await ask('one', 'later'), undefined);
  await releaseLease(db, first!);
  t.like(await ask('one', 'later'), { owner: 'later', term: 2n });
});

test('an owner whose lease has passed on can neither renew it nor write under it', async (t) => {
  const old = (await ask('fenced', 'old'))!;
  t.true(await db.transaction((tx) => heldLease(tx, old)));
  t.true(await renewLease(db, old, 60_000));
  await end(old);
  t.false(await renewLease(db, old, 60_000), 'an ended lease is lost even when nobody took it');
  const young = (await ask('fenced', 'young'))!;
  t.is(young.term, old.term + 1n);
  t.false(await db.transaction((tx) => heldLease(tx, old)));
  t.true(await db.transaction((tx) => heldLease(tx, young)));
  await releaseLease(db, old);
  t.true(await db.transaction((tx) => heldLease(tx, young)), 'the old owner can not give away what is not its own');
});

test('while a transaction relies on a lease nobody takes it, though it has ended meanwhile', async (t) => {
  const lease = (await ask('relied', 'first', 800))!;
  const order: string[] = [];
  const relying = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const work = db.transaction(async (tx) => {
    t.true(await heldLease(tx, lease));
    relying.resolve();
    await release.promise;
    order.push('commit');
  });
  await relying.promise;
  await until(async () => (await db.query("SELECT 1 FROM lease WHERE name = 'relied' AND expires_at <= UTC_TIMESTAMP(3)")).length === 1);
  const impatient = await store.another({ lock_wait_timeout_s: 1 });
  await t.throwsAsync(impatient.query("UPDATE lease SET term = term + 1 WHERE name = 'relied'"), { message: /Lock wait timeout/ });
  const taken = ask('relied', 'second').then((got) => {
    order.push('taken');
    return got;
  });
  release.resolve();
  await work;
  t.like(await taken, { term: 2n });
  t.deepEqual(order, ['commit', 'taken']);
});

test('a keeper renews, hands over when it stops, and tells when the database is gone for too long', async (t) => {
  const proxy = await startProxy(portOf(store.url));
  const far = await store.another({ url: through(store.url, proxy) });
  t.teardown(() => proxy.stop());
  const events: string[] = [];
  const keeper = (from: typeof db, owner: string) =>
    keepLeases({ db: from, log, names: ['kept'], owner, ttl_ms: 400, onHeld: () => events.push(`${owner} held`), onLost: () => events.push(`${owner} lost`) });
  const first = keeper(far, 'first');
  await until(() => first.current('kept') !== undefined);
  const second = keeper(db, 'second');
  t.teardown(() => second.stop());
  const [before] = await db.query<{ expires_at: Date }>("SELECT expires_at FROM lease WHERE name = 'kept'");
  await until(async () => {
    const [now] = await db.query<{ expires_at: Date }>("SELECT expires_at FROM lease WHERE name = 'kept'");
    return (now?.expires_at.getTime() ?? 0) > (before?.expires_at.getTime() ?? 0);
  });
  t.is(second.current('kept'), undefined);
  await proxy.cut();
  await until(() => second.current('kept') !== undefined);
  t.is(first.current('kept'), undefined);
  t.deepEqual(events, ['first held', 'first lost', 'second held']);
  await first.stop();
});

test('leases of one owner are renewed together, and one that a transaction relies on keeps none of the others waiting', async (t) => {
  const names = ['all/1', 'all/2', 'all/3'];
  const heard: string[] = [];
  const keeper = keepLeases({ db, log, names, owner: 'all', ttl_ms: 60_000, onHeld: ({ name, term }) => heard.push(`${name} ${term}`) });
  t.teardown(() => keeper.stop());
  await until(() => names.every((name) => keeper.current(name) !== undefined));
  t.deepEqual(heard.toSorted(), ['all/1 1', 'all/2 1', 'all/3 1']);
  const leases = names.map((name) => keeper.current(name)!);
  t.like(await renewLeases(db, leases, 60_000), { renewed: leases, busy: [], lost: [] });
  const release = Promise.withResolvers<void>();
  const relying = Promise.withResolvers<void>();
  const work = db.transaction(async (tx) => {
    t.true(await heldLease(tx, leases[1]!));
    relying.resolve();
    await release.promise;
  });
  await relying.promise;
  t.deepEqual(await renewLeases(db, leases, 90_000), { renewed: [leases[0]!, leases[2]!], busy: [leases[1]!], lost: [] });
  release.resolve();
  await work;
  await end(leases[0]!);
  await db.query("UPDATE lease SET owner = 'thief', term = term + 1 WHERE name = 'all/3'");
  t.deepEqual(await renewLeases(db, leases, 60_000), { renewed: [leases[1]!], busy: [], lost: [leases[0]!, leases[2]!] });
});

test('an owner of many leases that relies on one for long keeps all of them, and what it loses it tries for again', async (t) => {
  const names = ['many/1', 'many/2'];
  const events: string[] = [];
  const keeper = keepLeases({ db, log, names, owner: 'many', ttl_ms: 1_500, onHeld: ({ name, term }) => events.push(`${name} held ${term}`), onLost: ({ name }) => events.push(`${name} lost`) });
  t.teardown(() => keeper.stop());
  await until(() => names.every((name) => keeper.current(name) !== undefined));
  const [lease] = names.map((name) => keeper.current(name)!);
  const expires_at = async () => (await db.query<{ expires_at: Date }>("SELECT expires_at FROM lease WHERE name = 'many/2'"))[0]!.expires_at.getTime();
  // Longer than a lease lives: the one that is relied on runs out on the monotonic clock, the other is renewed all the time.
  await db.transaction(async (tx) => {
    t.true(await heldLease(tx, lease!));
    await until(() => events.includes('many/1 lost'));
    // Two lives of a lease.
    const lost_at = await expires_at();
    await until(async () => (await expires_at()) > lost_at + 3_000);
    t.truthy(keeper.current('many/2'));
  });
  await until(() => keeper.current('many/1') !== undefined);
  t.deepEqual(events.slice(2), ['many/1 lost', 'many/1 held 2']);
});

test('worker numbers are given once, and a successor waits past the times promised to its predecessor', async (t) => {
  const now_ms = Date.now();
  const lease = (owner: string) => leaseWorker({ db, log, owner, workers: 4, now_ms: () => now_ms });
  const four = await Promise.all(['a', 'b', 'c', 'd'].map(lease));
  t.deepEqual(four.map((each) => each.worker_id).toSorted(), [0, 1, 2, 3]);
  t.true(four.every((each) => each.after_ms === 0 && each.reserved_until_ms > now_ms));
  await t.throwsAsync(lease('e'), { message: /all 4 worker numbers are in use/ });
  await four[1]!.release(now_ms + 7);
  const successor = await lease('f');
  t.is(successor.worker_id, four[1]!.worker_id);
  t.is(successor.after_ms, now_ms + 7);
  // One that died says nothing: all it was allowed must pass.
  await db.query('UPDATE worker_lease SET expires_at = UTC_TIMESTAMP(3) WHERE worker_id = ?', [four[2]!.worker_id]);
  const heir = await lease('g');
  t.is(heir.worker_id, four[2]!.worker_id);
  t.is(heir.after_ms, four[2]!.reserved_until_ms);
  await Promise.all([four[0]!, four[2]!, four[3]!, successor, heir].map((each) => each.release(now_ms)));
  const [row] = await db.query<{ reserved_until_ms: bigint }>('SELECT reserved_until_ms FROM worker_lease WHERE worker_id = ?', [heir.worker_id]);
  t.is(row?.reserved_until_ms, BigInt(four[2]!.reserved_until_ms), 'a release never takes a promise back');
});
