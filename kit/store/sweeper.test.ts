import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { StoreUnavailable } from './errors.ts';
import { backoff_ms, startBatchSweeper, startSweeper, type BatchSweeperOptions, type SweeperOptions } from './sweeper.ts';
import { testDatabase, until } from './testing.ts';

const store = await testDatabase(['CREATE TABLE job (id BIGINT PRIMARY KEY, kind VARCHAR(10) NOT NULL, next_action_time DATETIME(3) NULL, attempts INT NOT NULL DEFAULT 0, done INT NOT NULL DEFAULT 0, KEY (next_action_time))']);
const { db } = store;
test.after.always(() => store.stop());

type Job = { id: bigint };
const sweeper = (kind: string, handle: SweeperOptions<Job>['handle'], more: Partial<SweeperOptions<Job>> = {}) =>
  startSweeper<Job>({ db, log: silentLog(), service: 'test', name: kind, table: 'job', key: ['id'], where: { sql: 'kind = ?', params: [kind] }, handle, poll_ms: 20, ...more });
const add = (kind: string, ids: number[]) => db.query(`INSERT INTO job (id, kind, next_action_time) VALUES ${ids.map((id) => `(${id}, '${kind}', UTC_TIMESTAMP(3))`).join(', ')}`);
const finish = (id: bigint) => db.query('UPDATE job SET done = done + 1, next_action_time = NULL, attempts = 0 WHERE id = ?', [id]);
const jobs = (kind: string) => db.query<{ id: bigint; attempts: number; done: number; wait_s: number | null }>('SELECT id, attempts, done, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(3), next_action_time) AS wait_s FROM job WHERE kind = ? ORDER BY id', [kind]);

test('two sweepers share the rows, and each row is driven once', async (t) => {
  await add('share', Array.from({ length: 60 }, (_, index) => 1_000 + index));
  const seen: bigint[] = [];
  const handle = async ({ id }: Job) => {
    seen.push(id);
    await finish(id);
  };
  const both = [sweeper('share', handle, { batch: 7 }), sweeper('share', handle, { batch: 7 })];
  t.teardown(() => Promise.all(both.map((each) => each.stop())));
  await until(async () => (await jobs('share')).every((job) => job.done > 0));
  t.is(seen.length, 60);
  t.is(new Set(seen).size, 60);
});

test('a row that fails waits twice as long each time, and the count stands on the row', async (t) => {
  await add('fail', [2_000]);
  const swept = sweeper('fail', async () => {
    throw new Error('not yet');
  }, { poll_ms: 60_000 });
  t.teardown(() => swept.stop());
  await until(async () => (await jobs('fail'))[0]?.attempts === 1);
  await db.query("UPDATE job SET attempts = 4, next_action_time = UTC_TIMESTAMP(3) WHERE kind = 'fail'");
  swept.nudge();
  await until(async () => (await jobs('fail'))[0]?.attempts === 5);
  const [job] = await jobs('fail');
  t.true(Number(job?.wait_s) >= 14 && Number(job?.wait_s) <= 16, `waits ${job?.wait_s} s`);
  t.deepEqual([1, 2, 3, 4, 20].map((attempts) => backoff_ms(attempts, 1_000, 300_000)), [1_000, 2_000, 4_000, 8_000, 300_000]);
});

test('an outage of our own stores uses up no attempt, and the row is driven when it is over', async (t) => {
  await add('outage', [3_000]);
  const counts: number[] = [];
  const swept = sweeper('outage', async ({ id, attempts }) => {
    counts.push(attempts);
    if (counts.length < 4) throw new StoreUnavailable('gone');
    await finish(id);
  });
  t.teardown(() => swept.stop());
  await until(async () => (await jobs('outage'))[0]?.done === 1);
  t.deepEqual(counts, [0, 0, 0, 0]);
});

test('a row that only has to wait is looked at again, and a claimed one is left alone', async (t) => {
  await add('wait', [4_000]);
  let calls = 0;
  const swept = sweeper('wait', async () => {
    calls += 1;
    return { again_in_ms: 3_600_000 };
  });
  t.teardown(() => swept.stop());
  await until(async () => Number((await jobs('wait'))[0]?.wait_s) > 3_000);
  t.is(calls, 1);
  t.is(await swept.sweepOnce(), 0);
});

test('a handler that moved its row on is not overruled by the sweeper', async (t) => {
  await add('moved', [5_000]);
  const swept = sweeper('moved', async ({ id }) => {
    await db.query('UPDATE job SET next_action_time = UTC_TIMESTAMP(3) + INTERVAL 1 DAY, done = 1 WHERE id = ?', [id]);
    throw new Error('after the effect');
  });
  t.teardown(() => swept.stop());
  await until(async () => (await jobs('moved'))[0]?.done === 1);
  await swept.stop();
  const [job] = await jobs('moved');
  t.is(job?.attempts, 0);
  t.true(Number(job?.wait_s) > 80_000);
});

/** On a table of its own: a sweeper passes over rows that another one is just looking at. */
async function batchSweeper(table: string, ids: number[], handleMany: BatchSweeperOptions<Job>['handleMany']) {
  await db.query(`CREATE TABLE ${table} LIKE job`);
  await db.query(`INSERT INTO ${table} (id, kind, next_action_time) VALUES ${ids.map((id) => `(${id}, '', UTC_TIMESTAMP(3))`).join(', ')}`);
  const rows = () => db.query<{ attempts: number; wait_s: number }>(`SELECT attempts, TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(3), next_action_time) AS wait_s FROM ${table} ORDER BY id`);
  return { rows, swept: startBatchSweeper<Job>({ db, log: silentLog(), service: 'test', name: table, table, key: ['id'], handleMany, poll_ms: 60_000, backoff_base_ms: 60_000 }) };
}

test('what is due is driven together, and each row has an outcome of its own', async (t) => {
  const seen: bigint[][] = [];
  const { rows, swept } = await batchSweeper('together', [1, 2, 3], async (claimed) => {
    seen.push(claimed.map(({ id }) => id).toSorted());
    return claimed.map(({ id }) => (id === 1n ? undefined : id === 2n ? new Error('not yet') : { again_in_ms: 3_600_000 }));
  });
  t.teardown(() => swept.stop());
  await until(async () => (await rows())[1]?.attempts === 1 && Number((await rows())[2]?.wait_s) > 3_000);
  t.deepEqual(seen, [[1n, 2n, 3n]]);
  t.deepEqual((await rows()).map(({ attempts }) => attempts), [0, 1, 0]);
});

for (const [how, handleMany] of [['throws', async () => { throw new Error('all of them'); }], ['forgets one', async () => [undefined]]] as const) {
  test(`where driving them together ${how}, every row waits and is counted`, async (t) => {
    const { rows, swept } = await batchSweeper(how.replace(' ', '_'), [1, 2], handleMany);
    t.teardown(() => swept.stop());
    await until(async () => (await rows()).every(({ attempts }) => attempts === 1));
    t.pass();
  });
}
