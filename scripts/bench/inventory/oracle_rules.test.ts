import test from 'ava';
import type { Acknowledged } from './acknowledged.ts';
import { judgeAcknowledged, judgeRun, noFindings, type Findings, type HoldRow, type RunFacts } from './oracle_rules.ts';

const hold = (hold_id: string, index: number, from: number, to: number, state = 'HELD'): HoldRow => ({ hold_id, run_id: 'G1', state, places: [{ index, from, to }] });

/** Two holds of one seat one behind the other, one of another, one that was released. */
const SOUND: RunFacts = {
  run_id: 'G1',
  holds: [hold('a', 0, 0, 2), hold('b', 0, 2, 3), hold('c', 1, 1, 2), hold('d', 1, 0, 3, 'RELEASED')],
  ledger: new Map([[0, 0b111n], [1, 0b010n]]),
  redis: new Map([[0, 0b111n], [1, 0b010n]]),
  redis_records: new Set(['a', 'b', 'c']),
};

function judged(facts: Partial<RunFacts>): Omit<Findings, 'examples'> {
  const findings = noFindings();
  judgeRun({ ...SOUND, ...facts }, findings);
  const { examples: _, ...counts } = findings;
  return counts;
}

test('stores that agree have nothing wrong', (t) => {
  t.deepEqual(judged({}), { oversold: 0, lost: 0, leaked: 0 });
});

test('a seat-segment of two holds is oversold', (t) => {
  t.deepEqual(judged({ holds: [...SOUND.holds, hold('e', 0, 1, 3)], redis_records: new Set(['a', 'b', 'c', 'e']) }), { oversold: 2, lost: 0, leaked: 0 });
});

test('what is held and free in the ledger or in Redis is oversold', (t) => {
  t.deepEqual(judged({ ledger: new Map([[0, 0b110n], [1, 0b010n]]), redis: new Map([[0, 0b110n], [1, 0b010n]]) }), { oversold: 1, lost: 0, leaked: 0 });
  t.deepEqual(judged({ redis: new Map([[0, 0b111n]]) }), { oversold: 1, lost: 0, leaked: 0 });
});

test('what nobody holds and nobody can get is leaked', (t) => {
  t.deepEqual(judged({ redis: new Map([[0, 0b111n], [1, 0b110n], [7, 0b1n]]) }), { oversold: 0, lost: 0, leaked: 2 });
  t.deepEqual(judged({ ledger: new Map([[0, 0b111n], [1, 0b011n]]), redis: new Map([[0, 0b111n], [1, 0b011n]]) }), { oversold: 0, lost: 0, leaked: 1 });
});

test('a record of Redis without a hold is leaked, and so is a hold without its record', (t) => {
  t.deepEqual(judged({ redis_records: new Set(['a', 'b', 'c', 'd']) }), { oversold: 0, lost: 0, leaked: 1 });
  t.deepEqual(judged({ redis_records: new Set(['a', 'b']) }), { oversold: 0, lost: 0, leaked: 1 });
});

test('a sold hold has its seat and no record', (t) => {
  t.deepEqual(judged({ holds: SOUND.holds.map((row) => (row.hold_id === 'c' ? { ...row, state: 'SOLD' } : row)), redis_records: new Set(['a', 'b']) }), { oversold: 0, lost: 0, leaked: 0 });
});

const TOLD: Acknowledged = { hold_id: 'a', run_id: 'G1', coach_no: '01', seat_no: '01A', from: 0, to: 2, at_ms: 0, expected: 'HELD' };

function told(change: Partial<Acknowledged>, row: HoldRow | undefined, ran_out = false): [lost: number, leaked: number] {
  const findings = noFindings();
  judgeAcknowledged({ ...TOLD, ...change }, row, () => 0, ran_out, findings);
  return [findings.lost, findings.leaked];
}

test('an acknowledged hold is where it was told to be', (t) => {
  t.deepEqual(told({}, hold('a', 0, 0, 2)), [0, 0]);
  t.deepEqual(told({}, undefined), [1, 0]);
  t.deepEqual(told({}, hold('a', 1, 0, 2)), [1, 0]);
  t.deepEqual(told({}, hold('a', 0, 0, 3)), [1, 0]);
  t.deepEqual(told({}, hold('a', 0, 0, 2, 'ABORTED')), [1, 0]);
  t.deepEqual(told({ run_id: 'G2' }, hold('a', 0, 0, 2)), [1, 0]);
});

test('a hold that is gone is lost, unless it ran out or may have been released', (t) => {
  const gone = hold('a', 0, 0, 2, 'RELEASED');
  t.deepEqual(told({}, gone), [1, 0]);
  t.deepEqual(told({}, gone, true), [0, 0]);
  t.deepEqual(told({ expected: 'EITHER' }, gone), [0, 0]);
  t.deepEqual(told({ expected: 'RELEASED' }, gone), [0, 0]);
  t.deepEqual(told({ expected: 'RELEASED' }, hold('a', 0, 0, 2)), [0, 1]);
});
