import test from 'ava';
import { integerBetween, jittered, seededRandom, systemRandom } from './random.ts';

test('a seed repeats its sequence, another seed does not', (t) => {
  const draw = (seed: number): number[] => Array.from({ length: 5 }, ((random) => () => random.unit())(seededRandom(seed)));
  t.deepEqual(draw(7), draw(7));
  t.notDeepEqual(draw(7), draw(8));
});

test('integers cover their range with both ends, jitter stays within its share', (t) => {
  const random = seededRandom(3);
  const seen = new Set(Array.from({ length: 1000 }, () => integerBetween(random, -1, 2)));
  t.deepEqual([...seen].sort((a, b) => a - b), [-1, 0, 1, 2]);
  for (let draw = 0; draw < 1000; draw += 1) {
    const value = jittered(100, 0.2, random);
    t.true(value >= 80 && value <= 120);
  }
});

test('the system gives no bytes twice, over the end of a block too', (t) => {
  const drawn = Array.from({ length: 2_000 }, () => systemRandom.bytes(10).toHex());
  t.is(new Set(drawn).size, drawn.length);
  t.throws(() => systemRandom.bytes(5_000), { instanceOf: RangeError });
});

test('bytes have the asked length', (t) => {
  t.is(systemRandom.bytes(16).length, 16);
  t.is(seededRandom(1).bytes(3).length, 3);
});
