import test from 'ava';
import fc from 'fast-check';
import { bucketOf, fnv1a64, rank, rendezvous, stableHash32 } from './hash.ts';

test('the published values of FNV-1a 64', (t) => {
  t.is(fnv1a64(''), 0xcbf29ce484222325n);
  t.is(fnv1a64('a'), 0xaf63dc4c8601ec8cn);
  t.is(fnv1a64('foobar'), 0x85944171f73967e8n);
  t.is(fnv1a64('春运'), slowFnv('春运'));
});

test('what is stored depends on these values: they never change', (t) => {
  const keys = ['G1|2026-01-15', 'D2|2026-01-16'];
  t.deepEqual(keys.map(stableHash32), [3_336_111_059, 3_643_155_252]);
  t.deepEqual(keys.map((key) => bucketOf(key, 256)), [198, 217]);
  t.is(rendezvous('bucket-1', ['a', 'b', 'c']), 'b');
});

test('buckets are used evenly by keys that look alike', (t) => {
  const counts = Array<number>(64).fill(0);
  for (let train = 0; train < 6400; train += 1) counts[bucketOf(`G${train}|2026-01-15`, 64)]! += 1;
  // Expected 100 each with a deviation of 10: six of them on both sides.
  t.true(Math.min(...counts) > 40 && Math.max(...counts) < 160, counts.join(' '));
});

test('a node that leaves moves only its own keys, spread over all others', (t) => {
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((name) => `inventory-${name}:50051`);
  const rest = nodes.slice(1);
  const moved = new Map<string, number>();
  for (let key = 0; key < 5000; key += 1) {
    const [before, after] = [rendezvous(`bucket-${key}`, nodes), rendezvous(`bucket-${key}`, rest)];
    if (before !== nodes[0]) t.is(after, before);
    else moved.set(after!, (moved.get(after!) ?? 0) + 1);
  }
  t.is(moved.size, 4);
  for (const count of moved.values()) t.true(count > 150 && count < 350, String(count));
});

test('one more of n processes moves at most 1.5/n of 4,096 buckets, all of them to itself, and shares stay balanced', (t) => {
  const buckets = Array.from({ length: 4096 }, (_, bucket) => String(bucket));
  const namings = fc.constantFrom<(index: number, seed: number) => string>(
    (index, seed) => `inventory-${seed}-${index}:50051`,
    (index, seed) => `10.${seed % 256}.${(seed >> 8) % 256}.${index + 1}:50051`,
    (index, seed) => `127.0.0.1:${15_000 + (seed % 10_000) + index}`,
  );
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 20 }), fc.nat(1_000_000), namings, (n, seed, name) => {
      const after = Array.from({ length: n }, (_, index) => name(index, seed));
      const [before, added] = [after.slice(0, -1), after.at(-1)!];
      const shares = new Map<string, number>();
      let moved = 0;
      for (const bucket of buckets) {
        const [was, is] = [rendezvous(bucket, before)!, rendezvous(bucket, after)!];
        if (was !== is) moved += is === added ? 1 : Infinity;
        shares.set(is, (shares.get(is) ?? 0) + 1);
      }
      const fair = buckets.length / n;
      return moved <= 1.5 * fair && shares.size === n && [...shares.values()].every((share) => share > 0.6 * fair && share < 1.5 * fair);
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test('the order of nodes does not matter, and there may be none', (t) => {
  t.deepEqual(rank('k', ['a', 'b', 'c']), rank('k', ['c', 'a', 'b']));
  t.is(rank('k', ['a', 'b', 'c']).length, 3);
  t.is(rendezvous('k', []), undefined);
});

/** The definition, with big integers. */
function slowFnv(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffff_ffff_ffff_ffffn;
  return hash;
}
