import fc from 'fast-check';
import test from 'ava';
import { RelayGaps } from './relay_gaps.ts';

const BUCKETS = 4;

test('every bucket of which a message was lost is named by the next beat at the latest, and no other', (t) => {
  const event = fc.record({ sender: fc.constantFrom('a', 'b'), bucket: fc.nat(BUCKETS - 1), lost: fc.boolean() });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const gaps = new RelayGaps();
      const [sent, lost, named] = [new Map<string, Map<number, number>>([['a', new Map()], ['b', new Map()]]), new Set<number>(), new Set<number>()];
      for (const [sender, counts] of sent) gaps.beat(sender, counts, 0);
      for (const one of events) {
        const counts = sent.get(one.sender)!;
        const number = (counts.get(one.bucket) ?? 0) + 1;
        counts.set(one.bucket, number);
        if (one.lost) lost.add(one.bucket);
        else for (const bucket of gaps.told(one.sender, one.bucket, number, 0)) named.add(bucket);
      }
      for (const [sender, counts] of sent) for (const bucket of gaps.beat(sender, counts, 0)) named.add(bucket);
      for (const [sender, counts] of sent) if (gaps.beat(sender, counts, 0).length > 0) return false;
      return [...lost].toSorted().join() === [...named].toSorted().join();
    }),
  );
  t.pass();
});

test('whoever listens later looks again at what was told before, once', (t) => {
  const gaps = new RelayGaps();
  t.deepEqual(gaps.told('a', 2, 7, 0), [], 'where it begins nobody knows');
  t.deepEqual(gaps.beat('a', new Map([[1, 3], [2, 7]]), 0), [1]);
  t.deepEqual(gaps.beat('a', new Map([[1, 3], [2, 7]]), 0), []);
  t.deepEqual(gaps.told('a', 3, 2, 0), [3], 'the first of a bucket it had told nothing of is missing');
});

test('the buckets of a sender that falls silent are read again, with growing patience, until it is forgotten', (t) => {
  const gaps = new RelayGaps();
  gaps.beat('a', new Map([[1, 1]]), 0);
  gaps.beat('b', new Map([[2, 1]]), 0);
  const asked: number[] = [];
  for (let now_ms = 1_000; now_ms <= 120_000; now_ms += 1_000) {
    gaps.beat('b', new Map([[2, 1]]), now_ms);
    if (gaps.silent(now_ms).length > 0) asked.push(now_ms / 1_000);
  }
  t.deepEqual(asked, [4, 8, 15, 29, 57]);
  t.deepEqual(gaps.beat('a', new Map([[1, 2]]), 130_000), [1], 'one that comes back is new');
  gaps.ended('b');
  t.deepEqual(gaps.silent(140_000), [1], 'one that said it ends is not waited for');
});
