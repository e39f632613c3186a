import test from 'ava';
import { histogramBetween, histogramIn, histogramQuantile, median, quantile, ratioOf } from './measure.ts';

const TEXT = `# HELP waits seconds
waits_bucket{le="0.001",service="a"} 10
waits_bucket{le="0.005",service="a"} 30
waits_bucket{le="+Inf",service="a"} 40
waits_bucket{le="0.001",service="b"} 1
waits_bucket{le="0.005",service="b"} 1
waits_bucket{le="+Inf",service="b"} 1
waits_sum{service="a"} 1
`;

test('the buckets of a histogram are summed over labels and taken apart', (t) => {
  t.deepEqual(histogramIn(TEXT, 'waits'), [{ le: 0.001, count: 11 }, { le: 0.005, count: 20 }, { le: Infinity, count: 10 }]);
  t.is(histogramIn(TEXT, 'other'), undefined);
});

test('a quantile lies inside its bucket, and above all bounds at the last', (t) => {
  const counts = [{ le: 1, count: 50 }, { le: 3, count: 50 }, { le: Infinity, count: 0 }];
  t.is(histogramQuantile(counts, 0.25), 0.5);
  t.is(histogramQuantile(counts, 0.75), 2);
  t.is(histogramQuantile([{ le: 1, count: 0 }, { le: Infinity, count: 5 }], 0.95), 1);
  t.is(histogramQuantile([], 0.5), NaN);
});

test('only what came between two readings counts', (t) => {
  t.deepEqual(histogramBetween([{ le: 1, count: 4 }], [{ le: 1, count: 6 }, { le: 2, count: 1 }]), [{ le: 1, count: 2 }, { le: 2, count: 1 }]);
  t.deepEqual(histogramBetween(undefined, [{ le: 1, count: 6 }]), [{ le: 1, count: 6 }]);
});

test('ratios are of neighbours, and one bad round does not decide', (t) => {
  t.is(ratioOf([2, 30, 400], [1, 10, 1]), 3);
  t.is(median([3, 1, 2]), 2);
  t.is(quantile([1, 2, 3, 4], 0.99), 4);
});
