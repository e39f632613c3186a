// Leases of MariaDB and of the simulation keep the same rules.
import test, { type ExecutionContext } from 'ava';
import { acquireLease, heldLease, releaseLease, renewLease, type Lease } from '#kit/store/lease.ts';
import { testDatabase } from '#kit/store/testing.ts';
import { Leases } from '../memory/leases.ts';

type LeasesUnderTest = {
  acquire(owner: string, ttl_ms: number): Promise<Lease | undefined>;
  renew(lease: Lease, ttl_ms: number): Promise<boolean>;
  release(lease: Lease): Promise<void>;
  held(lease: Lease): Promise<boolean>;
};

function leaseContract(name: string, open: (t: ExecutionContext) => Promise<LeasesUnderTest>): void {
  test(`${name}: one owner at a time, and each has a higher term than the one before`, async (t) => {
    const { acquire, renew, release, held } = await open(t);
    const first = (await acquire('a', 60_000))!;
    t.is(first.term, 1n);
    t.is(await acquire('b', 60_000), undefined);
    t.is(await acquire('a', 60_000), undefined, 'a restarted process is another owner');
    t.true((await renew(first, 60_000)) && (await held(first)));
    await release(first);
    t.false((await held(first)) || (await renew(first, 60_000)));
    const second = (await acquire('b', 60_000))!;
    t.is(second.term, 2n);
    t.false((await held(first)) || (await renew(first, 60_000)));
    await release(first);
    t.true(await held(second), 'a former owner gives nothing back');
    t.false(await held({ ...second, term: 3n }));
  });

  test(`${name}: a lease that was not renewed ends`, async (t) => {
    const { acquire, renew, held } = await open(t);
    const first = (await acquire('a', 1))!;
    let second: Lease | undefined;
    while (second === undefined) second = await acquire('b', 60_000);
    t.is(second.term, 2n);
    t.false((await held(first)) || (await renew(first, 60_000)));
  });
}

leaseContract('in memory', async () => {
  const leases = new Leases();
  return {
    acquire: async (owner, ttl_ms) => leases.acquire('queue/1', owner, ttl_ms, Date.now()),
    renew: async (lease, ttl_ms) => leases.renew(lease, ttl_ms, Date.now()),
    release: async (lease) => leases.release(lease, Date.now()),
    held: async (lease) => leases.held(lease, Date.now()),
  };
});

leaseContract('MariaDB', async (t) => {
  const { db, stop } = await testDatabase();
  t.teardown(stop);
  return {
    acquire: (owner, ttl_ms) => acquireLease(db, { name: 'queue/1', owner, ttl_ms }),
    renew: (lease, ttl_ms) => renewLease(db, lease, ttl_ms),
    release: (lease) => releaseLease(db, lease),
    held: (lease) => db.transaction((tx) => heldLease(tx, lease)),
  };
});
