import test from 'ava';
import { StoreUnavailable } from './errors.ts';
import { together } from './together.ts';

const failed = (item: number, error: unknown): string => `${item} failed: ${(error as Error).message}`;

test('all in one go; when that fails each alone, and only the bad one fails', async (t) => {
  const tries: number[][] = [];
  const all = async (items: readonly number[]): Promise<string[]> => {
    tries.push([...items]);
    if (items.includes(3)) throw new Error('bad');
    return items.map(String);
  };
  t.deepEqual(await together([1, 2], all, failed), ['1', '2']);
  t.deepEqual(await together([2, 3, 4], all, failed), ['2', '3 failed: bad', '4']);
  t.deepEqual(tries, [[1, 2], [2, 3, 4], [2], [3], [4]]);
  t.deepEqual(await together([], all, failed), []);
});

test('what a single item throws is thrown, and an outage is everybody\'s', async (t) => {
  await t.throwsAsync(together([3], () => Promise.reject(new Error('bad')), failed), { message: 'bad' });
  let tries = 0;
  await t.throwsAsync(together([1, 2], () => Promise.reject(new StoreUnavailable(`try ${(tries += 1)}`)), failed), { instanceOf: StoreUnavailable });
  t.is(tries, 1);
});
