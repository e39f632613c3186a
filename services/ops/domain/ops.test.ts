import test from 'ava';
import { alertsOf, type Facts } from './alert.ts';
import { expectedNext, inOrder } from './explain.ts';
import { heldBySale, heldBySchedule, type SaleTimes } from './held.ts';
import type { JobRun } from './job.ts';

const at = (hour: number): number => Date.parse(`2026-01-15T${String(hour).padStart(2, '0')}:30:00+08:00`);

const USUAL: SaleTimes = { openings: [], peak_hours: [[0, 1], [8, 19]], protected: false };

test('heavy jobs stay out of sale openings and the day', (t) => {
  t.deepEqual([0, 8, 12, 18].map((hour) => heldBySchedule(USUAL, at(hour))?.en), ["peak hours, 0 to 1 o'clock", ...Array.from({ length: 3 }, () => "peak hours, 8 to 19 o'clock")]);
  t.deepEqual([1, 3, 7, 19, 23].map((hour) => heldBySchedule(USUAL, at(hour))), Array.from({ length: 5 }, () => undefined));
  const times = { ...USUAL, openings: [{ name: '春运', start: '03:00', lasts_min: 60 }] };
  t.regex(heldBySchedule(times, at(3))!.en, /sale opening "春运", over at 04:00/);
  t.regex(heldBySchedule(times, at(2) + 20 * 60_000)!.zh, /春运.*04:00/, 'also when it would begin just before');
  t.is(heldBySchedule(times, at(4)), undefined);
});

test('protection mode holds them back too; peak hours do not hold what people start', (t) => {
  t.is(heldBySchedule({ ...USUAL, protected: true }, at(3))?.en, 'protection mode is on');
  t.is(heldBySale({ ...USUAL, protected: true }, at(3))?.en, 'protection mode is on');
  t.is(heldBySale(USUAL, at(12)), undefined);
});

test('a final state expects nothing, every other says what comes', (t) => {
  t.deepEqual(expectedNext('CLOSED'), { zh: '', en: '' });
  t.deepEqual(expectedNext('SUCCESS'), { zh: '', en: '' });
  for (const state of ['WAIT_PAY', 'CLOSING', 'PAID', 'TICKETING', 'FAIL', 'REFUND', 'CHANGE']) t.not(expectedNext(state).zh, '');
});

test('what happened is told in order of time', (t) => {
  const happening = (time_ms: number) => ({ time_ms, service: '', what: String(time_ms), text_zh: '', text_en: '', trace_id: '' });
  t.deepEqual(inOrder([happening(3), happening(1), happening(2)]).map(({ what }) => what), ['1', '2', '3']);
});

const QUIET: Facts = { now_ms: at(12), dead_letters: {}, behind: {}, down: [], jobs: [], protection: '' };
const run = (state: JobRun['state'], report: object = {}): JobRun => ({
  run_id: 'r', job_id: 'j', state, start_time_ms: 0, end_time_ms: 0, progress_percent: 100, report_json: JSON.stringify(report), error: state === 'FAILED' ? 'away' : '', started_by: 'schedule',
});

test('an alert round of a quiet day finds nothing', (t) => {
  const jobs = [{ job_id: 'reconcile-inventory', last: run('SUCCEEDED', { differences: [{ repaired: true }] }), due_ms: at(3) }, { job_id: 'new', last: undefined, due_ms: undefined }];
  t.deepEqual(alertsOf({ ...QUIET, jobs, dead_letters: { watcher: 0 }, behind: { watcher: 1000 } }), []);
});

test('an alert round names each kind of thing that needs somebody', (t) => {
  const jobs = [
    { job_id: 'reconcile-inventory', last: run('SUCCEEDED', { differences: [{ repaired: true }, { repaired: false }] }), due_ms: undefined },
    { job_id: 'reconcile-statement', last: run('SUCCEEDED', { differences: [{}, {}] }), due_ms: undefined },
    { job_id: 'open-sales', last: run('FAILED'), due_ms: at(12) - 27 * 3_600_000 },
  ];
  const alerts = alertsOf({ ...QUIET, jobs, dead_letters: { watcher: 3 }, behind: { watcher: 1001 }, down: ['payment'], protection: 'QUEUE' });
  t.deepEqual(alerts.map(({ kind, subject }) => `${kind} ${subject}`), [
    'DEAD_LETTERS watcher', 'CONSUMER_BEHIND watcher', 'SERVICE_DOWN payment', 'DIFFERENCES reconcile-inventory', 'DIFFERENCES reconcile-statement', 'JOB_FAILED open-sales', 'JOB_OVERDUE open-sales', 'PROTECTION QUEUE',
  ]);
  t.true(alerts.every(({ zh, en }) => zh !== '' && en !== ''));
  t.regex(alerts[3]!.en, /^1 differences/);
  t.regex(alerts[4]!.zh, /2 处/);
});
