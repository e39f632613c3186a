import test from 'ava';
import * as fc from 'fast-check';
import { fenFromInt64, fenToInt64, formatFen, parseYuan, permilleOf, roundToHalfYuan, splitFen } from './money.ts';

test('amounts as they stand on a ticket', (t) => {
  t.is(formatFen(0), '¥0.00');
  t.is(formatFen(5), '¥0.05');
  t.is(formatFen(123_450), '¥1,234.50');
  t.is(formatFen(-55_350n), '-¥553.50');
  t.is(formatFen(123_456_789_00n), '¥123,456,789.00');
  t.throws(() => formatFen(1.5), { instanceOf: RangeError });
});

test('yuan that people type', (t) => {
  t.deepEqual(['88', '88.5', '88.50', '0.05'].map(parseYuan), [8800, 8850, 8850, 5]);
  t.deepEqual(['', '-1', '1.234', '1e3', '.5', ' 1', '１'].map(parseYuan), Array(7).fill(undefined));
});

test('half yuan as the railway rounds', (t) => {
  t.deepEqual([0, 24, 25, 74, 75, 124, 125].map(roundToHalfYuan), [0, 0, 50, 50, 100, 100, 150]);
});

test('a share is exact and rounds half up', (t) => {
  t.is(permilleOf(10_000, 50), 500);
  t.is(permilleOf(10, 50), 1);
  t.is(permilleOf(9_007_199_254_740_991, 1000), 9_007_199_254_740_991);
});

test('parts of a sum add up to it, and none differs from its share by a fen or more', (t) => {
  fc.assert(fc.property(fc.nat(10_000_000), fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 10 }), (total, weights) => {
    const shares = splitFen(total, weights);
    const sum = weights.reduce((a, b) => a + b);
    t.is(shares.reduce((a, b) => a + b), total);
    shares.forEach((share, index) => t.true(Math.abs(share - (total * weights[index]!) / sum) < 1));
  }));
});

test('int64 and back, and nothing inexact', (t) => {
  t.is(fenFromInt64(fenToInt64(55_350)), 55_350);
  t.throws(() => fenFromInt64(2n ** 53n), { instanceOf: RangeError });
  t.throws(() => fenToInt64(0.1), { instanceOf: RangeError });
});
