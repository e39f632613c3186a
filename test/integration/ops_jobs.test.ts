// When jobs begin: two processes over one real database, with a clock and sale times in the hands of the test.
import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { ManualClock, systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { Jobs } from '../../services/ops/app/jobs.ts';
import type { RunnableJob } from '../../services/ops/app/ports.ts';
import type { SaleTimes } from '../../services/ops/domain/held.ts';
import { openJobStore } from '../../services/ops/store/job_store.ts';
import { migrations } from '../../services/ops/store/migrations.ts';
import { freshDatabase } from '../support/stack.ts';

const at = (text: string): number => Date.parse(`2026-01-${text}:00+08:00`);
const NEVER_MS = 3_600_000;

async function world(t: ExecutionContext, begin: string) {
  const database = await freshDatabase();
  await migrate(database.url, migrations, { log: silentLog() });
  const db = await openDatabase({ url: database.url, service: 'ops', log: silentLog() });
  const clock = new ManualClock(at(begin));
  const keys = { keyring: createKeyring({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), index: createBlindIndex(randomBytes(32).toString('hex')) };
  const sale: SaleTimes = { openings: [], peak_hours: [[8, 19]], protected: false };
  const times = { ...sale };
  const ran: string[] = [];
  const job = (job_id: string, schedule: string, off_peak_only: boolean): RunnableJob => ({
    job_id, title_zh: job_id, title_en: job_id, schedule, off_peak_only,
    work: async () => void ran.push(`${job_id} ${new Date(clock.now_ms() + 8 * 3_600_000).toISOString().slice(8, 16)}`),
  });
  const jobs = [job('heavy', '0 9 * * *', true), job('light', '0 9 * * *', false), job('by-hand', '', true)];
  const started: Jobs[] = [];
  const process = (): Jobs => {
    const made = new Jobs({ jobs, store: openJobStore(db, keys, clock, systemRandom), clock, log: silentLog(), times: () => times, look_ms: NEVER_MS });
    started.push(made);
    return made;
  };
  /** All processes look at once, and what they began has ended. */
  const pass = async (to: string): Promise<void> => {
    clock.advance(at(to) - clock.now_ms());
    await Promise.all(started.map((one) => one.look()));
    while ((await db.query("SELECT 1 FROM job_run WHERE state = 'RUNNING'")).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  t.teardown(async () => {
    await Promise.all(started.map((one) => one.stop()));
    await db.close();
    await database.stop();
  });
  const actor = () => ({ account_id: '900', device_id: '', ip: '', request_id: uuid7(clock, systemRandom), method: '/x', body_hash: randomBytes(32) });
  return { process, pass, ran, times, clock, actor, started };
}

test('a job that is due runs once over all processes, and not before it was known', async (t) => {
  const { process, pass, ran } = await world(t, '15T20:00');
  process();
  process();
  await pass('15T20:00');
  t.deepEqual(ran, [], 'the nine o’clock before they came is nobody’s');
  await pass('16T08:59');
  t.deepEqual(ran, []);
  await pass('16T09:01');
  t.deepEqual(ran, ['light 16T09:01']);
  await pass('16T09:02');
  await pass('16T21:00');
  t.deepEqual(ran, ['light 16T09:01', 'heavy 16T21:00'], 'each once');
  await pass('17T09:00');
  t.deepEqual(ran.slice(2), ['light 17T09:00']);
});

test('a heavy job waits for the end of peak hours, sale openings and protection mode, says why, and then begins by itself', async (t) => {
  const { process, pass, ran, times } = await world(t, '15T20:00');
  const jobs = process();
  await pass('15T20:00');
  await pass('16T10:00');
  t.like(jobs.due('heavy'), { due_ms: at('16T09:00'), held: { en: "peak hours, 8 to 19 o'clock", zh: '高峰时段 8–19 时' } });
  t.is(jobs.due('light'), undefined);
  times.openings = [{ name: '加班车', start: '19:00', lasts_min: 30 }];
  await pass('16T19:10');
  t.regex(jobs.due('heavy')!.held!.en, /加班车.*19:30/);
  times.protected = true;
  await pass('16T19:40');
  t.is(jobs.due('heavy')!.held!.en, 'protection mode is on');
  t.deepEqual(ran, ['light 16T10:00']);
  times.protected = false;
  await pass('16T19:50');
  t.deepEqual(ran, ['light 16T10:00', 'heavy 16T19:50']);
  t.is(jobs.due('heavy'), undefined);
});

test('what was due while every process was down runs when one is back', async (t) => {
  const { process, pass, ran, started } = await world(t, '15T20:00');
  await process().look();
  await started.pop()!.stop();
  process();
  await pass('16T23:00');
  t.deepEqual(ran.toSorted(), ['heavy 16T23:00', 'light 16T23:00']);
});

test('by hand a heavy job is refused during an opening unless it is said to run despite it; peak hours do not matter', async (t) => {
  const { process, clock, ran, times, actor, pass } = await world(t, '16T10:00');
  const jobs = process();
  t.true((await jobs.run('by-hand', '', actor())).ok);
  await pass('16T10:05');
  times.openings = [{ name: '春运', start: '10:10', lasts_min: 30 }];
  const refused = await jobs.run('by-hand', '', actor());
  t.like(refused, { ok: false, error: { reason: 'JOB_HELD_BACK', metadata: { why_zh: '起售窗口“春运”，10:40 结束' } } });
  t.true((await jobs.run('light', '', actor())).ok);
  t.true((await jobs.run('by-hand', '', actor(), true)).ok);
  await pass('16T10:06');
  t.is(ran.filter((run) => run.startsWith('by-hand')).length, 2);
  t.true(clock.now_ms() < systemClock.now_ms());
});
