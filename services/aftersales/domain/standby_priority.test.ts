import test from 'ava';
import fc from 'fast-check';
import { isOver, mayFollow, type StandbyState } from './standby.ts';
import { priorityOfRank, rankOf, standbyPriorityOf, WAITED_LONG_MS } from './standby_priority.ts';

test('time comes first, then membership, then the number of passengers', (t) => {
  const rows: [waited_ms: number, member_level: number, passengers: number, priority: number][] = [
    [0, 0, 1, 3], [0, 0, 2, 3], [0, 0, 3, 2], [0, 3, 5, 2], [0, 4, 1, 1], [0, 5, 5, 1], [WAITED_LONG_MS - 1, 0, 1, 3], [WAITED_LONG_MS, 0, 1, 0], [WAITED_LONG_MS, 5, 5, 0],
  ];
  for (const [waited_ms, member_level, passengers, priority] of rows) t.is(standbyPriorityOf({ waited_ms, member_level, passengers }), priority, `${waited_ms} ${member_level} ${passengers}`);
});

const people = fc.record({ member_level: fc.integer({ min: 0, max: 5 }), passengers: fc.integer({ min: 1, max: 5 }) });

test('who has waited a day is passed by nobody who asked later, whoever they are', (t) => {
  fc.assert(
    fc.property(people, people, fc.nat(), fc.nat({ max: 10 * WAITED_LONG_MS }), (one, later, sequence, after_ms) => {
      const own = rankOf(standbyPriorityOf({ ...one, waited_ms: WAITED_LONG_MS + after_ms }), sequence);
      t.true(own < rankOf(standbyPriorityOf({ ...later, waited_ms: after_ms }), sequence + 1));
    }),
  );
});

test('a rank says its priority, and within one who came first is first', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 ** 45 }), (priority, sequence) => {
      t.is(priorityOfRank(rankOf(priority, sequence)), priority);
      t.true(rankOf(priority, sequence) < rankOf(priority, sequence + 1));
      t.true(rankOf(priority, sequence + 1) < rankOf(priority + 1, 0));
    }),
  );
  t.throws(() => rankOf(0, 2 ** 46));
});

test('what is over stays over, and seats that were taken are never forgotten on the way', (t) => {
  const states: StandbyState[] = ['PENDING', 'MATCHING', 'LOCKED', 'AWAIT_PAY', 'SUCCESS', 'FAIL'];
  t.deepEqual(states.filter(isOver), ['SUCCESS', 'FAIL']);
  t.deepEqual(states.filter((to) => mayFollow('MATCHING', to)), ['PENDING', 'LOCKED']);
  for (const over of ['SUCCESS', 'FAIL'] as const) t.deepEqual(states.filter((to) => mayFollow(over, to)), []);
});
