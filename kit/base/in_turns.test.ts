import test from 'ava';
import { inTurns } from './in_turns.ts';

test('never more at once than said, all in the end, and results in the order of the items', async (t) => {
  const ends: (() => void)[] = [];
  let under_way = 0;
  let most = 0;
  const done = inTurns([5, 3, 4, 1, 2], 2, async (item) => {
    most = Math.max(most, ++under_way);
    await new Promise<void>((resolve) => ends.push(resolve));
    under_way -= 1;
    return item * 10;
  });
  // The later one always ends first.
  for (let count = 0; count < 5; count++) {
    await Promise.resolve();
    ends.pop()!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.deepEqual(await done, [50, 30, 40, 10, 20]);
  t.is(most, 2);
});

test('the first failure is told, and what else there is is done all the same', async (t) => {
  const begun: number[] = [];
  const work = async (item: number): Promise<void> => {
    begun.push(item);
    if (item === 1) throw new Error('one');
  };
  await t.throwsAsync(inTurns([1, 2, 3], 2, work), { message: 'one' });
  t.deepEqual(begun, [1, 2, 3]);
});
