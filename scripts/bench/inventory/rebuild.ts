/** Redis is lost with a million holds: how long until it is back as the ledger says. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RpcError } from '#kit/rpc/error.ts';
import type { SqlValue } from '#kit/store/mysql.ts';
import type { SeatStore } from '../../../services/inventory/app/ports.ts';
import { openSeatStore } from '../../../services/inventory/store/seats.ts';
import { say, step } from '../../say.ts';
import { Acknowledgements } from './acknowledged.ts';
import { untilIdle } from './cpu.ts';
import { batchCall, refusedText, Wishes, type Outcome } from './load.ts';
import { round, timed } from './measure.ts';
import { HOLDS_PER_CALL, trainName } from './mix.ts';
import type { BenchOptions } from './options.ts';
import { askOracle } from './oracle.ts';
import type { Findings } from './oracle_rules.ts';
import { startWorld, type World } from './world.ts';

/** Runs whose holds are made by the service; the others get copies of their rows, which is setup and not measured. */
const TEMPLATES = 4;
const RUNS_PER_COPY = 50;
const LOOK_AGAIN_MS = 200;
const GIVE_UP_MS = 180_000;

export async function measureRebuild(options: BenchOptions): Promise<{ fields: Record<string, unknown>; findings: Findings }> {
  const { sizes } = options;
  const world = await startWorld(options);
  try {
    const { run_ids } = await world.open(Array.from({ length: sizes.runs }, (_, index) => trainName('R', index)));
    const templates = run_ids.slice(0, TEMPLATES);
    const acknowledged = new Acknowledgements();
    await holdOn(world, templates, sizes.rebuilt_holds_per_run, acknowledged);
    await step(say, `copying holds to ${run_ids.length} runs`, `正在把预扣复制到 ${run_ids.length} 个车次`, () => copyToOthers(world, templates, run_ids.slice(TEMPLATES)));
    await untilIdle(world.processes());
    await world.redis.client.flushall();
    const { value, took_s } = await step(say, 'rebuilding Redis from the ledger', '正在从账本重建 Redis', () => timed(() => rebuildAll(world)));
    const info = String(await world.redis.client.call('INFO', 'memory'));
    const findings = await askOracle(world, acknowledged);
    const fields = { rebuild_s: round(took_s, 1), rebuild_runs: run_ids.length, rebuild_holds: run_ids.length * sizes.rebuilt_holds_per_run, rebuild_refused: value, rebuilt_redis_mib: round(Number(/^used_memory:(\d+)/m.exec(info)?.[1]) / 2 ** 20) };
    return { fields, findings };
  } finally {
    await world.stop();
  }
}

/**
 * Asks once. The service sees the loss by itself too, and may refuse while it is busy mending; then it is waited for until
 * Redis has every bucket open with the epoch of the ledger. What was refused, if anything.
 */
async function rebuildAll(world: World): Promise<string> {
  try {
    await world.ops.rebuildBuckets({ buckets: [] });
    return '';
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    say(`rebuilding was refused: ${error.message}`, `重建被拒绝：${error.message}`);
    await untilOpen(world);
    return error.message;
  }
}

/** Open, and nothing under way that closes one again: what was begun for a call that was refused goes on behind it. */
async function untilOpen(world: World): Promise<void> {
  const seats = await openSeatStore(world.redis.client);
  const deadline_ms = performance.now() + GIVE_UP_MS;
  while (performance.now() < deadline_ms) {
    if ((await allOpen(world, seats)) && (await untilIdle(world.processes())) && (await allOpen(world, seats))) return;
    await sleep(LOOK_AGAIN_MS);
  }
  throw new Error(`not every bucket was open ${GIVE_UP_MS / 1000} s after Redis was lost`);
}

async function allOpen({ db }: World, seats: SeatStore): Promise<boolean> {
  const rows = await db.query<{ bucket: number; epoch: number }>('SELECT bucket, epoch FROM bucket_epoch');
  const states = await seats.bucketStates(rows.map(({ bucket }) => bucket));
  return rows.every(({ epoch }, index) => {
    const state = states[index];
    return state !== undefined && state !== 'AWAY' && state.open && state.epoch === epoch;
  });
}

async function holdOn(world: World, run_ids: readonly string[], holds: number, acknowledged: Acknowledgements): Promise<void> {
  const wishes = new Wishes(run_ids, []);
  const outcome: Outcome = { held: 0, refused: new Map(), took_s: 0 };
  for (const run_id of run_ids) {
    let missing = holds;
    while (missing > 0) missing -= await batchCall(world.client, Array.from({ length: Math.min(HOLDS_PER_CALL, missing) }, () => wishes.on(run_id)), acknowledged, outcome);
  }
  if (outcome.refused.size > 0) throw new Error(`holds were refused: ${refusedText(outcome)}`);
}

/** Whatever columns the tables have is copied as it is; only what names the run and the hold is another's. */
async function copyToOthers(world: World, templates: readonly string[], others: readonly string[]): Promise<void> {
  const holds = await columnsOf(world, 'seat_hold', { hold_id: "CONCAT(other.run_no, '-', own.hold_id)", run_no: 'other.run_no', run_id: 'other.run_id', bucket: 'other.bucket', expires_at: LATER, next_action_time: LATER });
  const seats = await columnsOf(world, 'seat_ledger', { run_no: 'other.run_no' });
  await world.db.query(`UPDATE seat_hold SET expires_at = ${LATER}, next_action_time = ${LATER}`);
  for (const [index, template] of templates.entries()) {
    const copies = others.filter((_, number) => number % templates.length === index);
    for (let start = 0; start < copies.length; start += RUNS_PER_COPY) {
      const run_ids = copies.slice(start, start + RUNS_PER_COPY) as SqlValue;
      const source = (table: string) => `FROM ${table} AS own JOIN train_run AS template ON template.run_no = own.run_no AND template.run_id = ? JOIN train_run AS other ON other.run_id IN (?)`;
      await world.db.query(`INSERT INTO seat_hold (${holds.names}) SELECT ${holds.values} ${source('seat_hold')}`, [template, run_ids]);
      await world.db.query(`INSERT INTO seat_ledger (${seats.names}) SELECT ${seats.values} ${source('seat_ledger')} ON DUPLICATE KEY UPDATE occupied = VALUES(occupied)`, [template, run_ids]);
    }
  }
  const header = await columnsOf(world, 'train_run', {});
  if (header.names.includes('materialised')) await world.db.query('UPDATE train_run SET materialised = 1');
}

/** Long after the measurement. */
const LATER = 'UTC_TIMESTAMP(3) + INTERVAL 1 DAY';

async function columnsOf({ db }: World, table: string, replaced: Readonly<Record<string, string>>): Promise<{ names: string; values: string }> {
  const rows = await db.query<{ name: string }>("SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND EXTRA NOT LIKE '%GENERATED%' ORDER BY ORDINAL_POSITION", [table]);
  return { names: rows.map(({ name }) => name).join(', '), values: rows.map(({ name }) => replaced[name] ?? `own.${name}`).join(', ') };
}
