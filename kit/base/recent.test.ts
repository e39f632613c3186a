import test from 'ava';
import { fail, ok, type Result } from './result.ts';
import { Recent } from './recent.ts';

function recentAt(limit = 10, keep?: (value: number) => boolean) {
  const clock = { now_ms: 0, monotonic_ms: () => clock.now_ms };
  const recent = new Recent<number>({ life_ms: 100, limit, clock, keep });
  let asked = 0;
  const ask = (key: string, answer: () => Promise<Result<number>> = async () => ok(asked)) =>
    recent.get(key, () => {
      asked += 1;
      return answer();
    });
  return { clock, ask, asked: () => asked };
}

test('an answer is given again until its time is over, and those who ask at once share it', async (t) => {
  const { clock, ask, asked } = recentAt();
  t.deepEqual(await Promise.all([ask('a'), ask('a'), ask('b')]), [ok(1), ok(1), ok(2)]);
  clock.now_ms = 99;
  await ask('a');
  t.is(asked(), 2);
  clock.now_ms = 100;
  await ask('a');
  t.is(asked(), 3);
});

test('refusals and failures are not kept', async (t) => {
  const { ask, asked } = recentAt();
  t.false((await ask('a', async () => fail('TRAIN_RUN_NOT_FOUND'))).ok);
  await t.throwsAsync(ask('a', async () => Promise.reject(new Error('away'))));
  t.deepEqual(await ask('a'), ok(3));
  t.is(asked(), 3);
});

test('what is not to be kept is asked for anew', async (t) => {
  const { ask, asked } = recentAt(10, (value) => value !== 1);
  for (const _ of [1, 2, 3]) await ask('a');
  t.is(asked(), 2);
});

test('it never keeps more than its limit', async (t) => {
  const { ask, asked } = recentAt(2);
  for (const key of ['a', 'b', 'c', 'a']) await ask(key);
  t.is(asked(), 4);
});
