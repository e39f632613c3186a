import test from 'ava';
import type { Timers } from '#kit/base/timers.ts';
import { company, TooManyWaiting, type CompanyOptions } from './company.ts';

/** Time passes when the test says so. */
function handMade(): Timers & { pass(): void } {
  const due: (() => void)[] = [];
  return {
    after(_ms, run) {
      due.push(run);
      return () => undefined;
    },
    pass: () => due.splice(0).forEach((run) => run()),
  };
}

function openCompany(more: Partial<CompanyOptions<number, number>> = {}) {
  const [timers, batches] = [handMade(), [] as number[][]];
  const run = async (items: readonly number[]) => {
    batches.push([...items]);
    return items.map((item) => item * 10);
  };
  return { timers, batches, together: company<number, number>({ wait_ms: 20, together_max: 3, batches_max: 2, waiting_max: 6, timers, run, ...more }) };
}

test('what comes within the wait goes together, and each gets its own answer', async (t) => {
  const { timers, batches, together } = openCompany();
  const answers = [together.join(1), together.join(2)];
  t.deepEqual(batches, []);
  timers.pass();
  t.deepEqual([await Promise.all(answers), batches], [[10, 20], [[1, 2]]]);
  const later = together.join(3);
  t.is(batches.length, 1, 'the next wait begins anew');
  timers.pass();
  t.is(await later, 30);
});

test('a full batch waits for nobody, and what is more than fits goes next', async (t) => {
  const { timers, batches, together } = openCompany();
  const answers = [1, 2, 3, 4].map((item) => together.join(item));
  t.deepEqual(batches, [[1, 2, 3]]);
  timers.pass();
  await Promise.all(answers);
  t.deepEqual(batches, [[1, 2, 3], [4]]);
});

test('no more than so many batches are under way, no more than so many wait', async (t) => {
  const gate = Promise.withResolvers<void>();
  let open = 0;
  const { timers, together } = openCompany({
    together_max: 1,
    run: async (items) => {
      t.true((open += 1) <= 2);
      await gate.promise;
      open -= 1;
      return items;
    },
  });
  const answers = Array.from({ length: 8 }, (_, item) => together.join(item));
  await t.throwsAsync(together.join(99), { instanceOf: TooManyWaiting });
  gate.resolve();
  timers.pass();
  t.deepEqual(await Promise.all(answers), [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('one that can not be done fails alone where that is allowed, and with all others where it is not', async (t) => {
  const bad = async (items: readonly number[]) => {
    if (items.includes(2)) throw new Error('bad');
    return items;
  };
  for (const apart of [true, false]) {
    const { together } = openCompany({ run: bad, apart: () => apart });
    const outcomes = await Promise.allSettled([1, 2, 3].map((item) => together.join(item)));
    t.deepEqual(outcomes.map(({ status }) => status), apart ? ['fulfilled', 'rejected', 'fulfilled'] : ['rejected', 'rejected', 'rejected']);
  }
});

test('a stop sends off what waits and ends when all is done', async (t) => {
  const { batches, together } = openCompany();
  const answer = together.join(7);
  await together.stop();
  t.deepEqual([batches, await answer], [[[7]], 70]);
});
