/** Purchases from submit to ticket, the whole stack through the edge: CPU a ticket, tickets a second, overload, oracle. */
import type { Bench } from '../bench.ts';
import { say, step } from '../say.ts';
import { databaseStatements, runSql } from '../stack/sql.ts';
import type { CpuTimes } from './inventory/cpu.ts';
import { round } from './inventory/measure.ts';
import { openSqlBase } from './inventory/sql_base.ts';
import { helpText, ordersOptions, type OrdersOptions } from './orders/options.ts';
import { askOracle } from './orders/oracle.ts';
import { Load, type PhaseResult } from './orders/phases.ts';
import { printOrders } from './orders/table.ts';
import { waitsOf } from './orders/waits.ts';
import { startWorld, type World } from './orders/world.ts';

export const bench: Bench = {
  about: 'purchases from submit to ticket through the edge: CPU a ticket, tickets a second, overload, oracle (--help)',
  about_zh: '经网关从提交到出票的完整购票：每票 CPU、每秒出票、过载、核对（--help）',
  async run(args) {
    const options = ordersOptions(args);
    if (options === undefined) {
      console.log(helpText());
      return {};
    }
    const world = await startWorld(options);
    try {
      const result = await measure(world, options);
      printOrders(result);
      return result;
    } finally {
      await world.stack.stop();
    }
  },
};

const BASE_MS = 2_000;
const WARM_RATE_PER_S = 20;
const WARM_SHARE = 0.2;
/** Rates that are tried one after the other, each for a share of the main phase, until one is not served in time. */
const RATES_PER_S = [30, 45, 65, 90, 120, 160, 220, 300, 400, 550, 750, 1_000, 1_400];
const TRY_SHARE = 0.25;
/** Of what arrives; with less people queue up ever longer. */
const SERVED_SHARE = 0.9;
const OVERLOAD_FACTOR = 5;
const OVERLOAD_SHARE = 0.5;

async function measure(world: World, options: OrdersOptions): Promise<Record<string, unknown>> {
  const { seconds, overload } = options;
  const commits_per_s = await step(say, 'single-row commits of the idle MariaDB', '空闲 MariaDB 的单行提交', () => singleRowCommits(world.stack.env.MYSQL_ADMIN_URL!));
  const load = await Load.start(world);
  try {
    const phases = [await load.phase('warm', Math.min(WARM_RATE_PER_S, options.rate_per_s ?? Infinity), Math.ceil(seconds * WARM_SHARE))];
    const rate_per_s = options.rate_per_s ?? (await sustainable(load, seconds, phases));
    const main = await load.phase('main', rate_per_s, seconds);
    phases.push(main);
    const idle = await load.idle();
    const waits = await waitsOf(world.stack.env.MYSQL_ADMIN_URL!, main.began_ms);
    const over = overload ? await load.phase('five times', rate_per_s * OVERLOAD_FACTOR, Math.ceil(seconds * OVERLOAD_SHARE)) : undefined;
    if (over !== undefined) phases.push(over);
    const verdict = await askOracle({ folder: world.stack.folder.path, env: world.stack.env }, phases.flatMap(({ order_ids }) => order_ids));
    return {
      ...figuresOf(main, idle),
      issued_ratio: round(main.issued_per_s / commits_per_s, 3), single_row_commits_per_s: round(commits_per_s),
      ...waits,
      ...(over === undefined ? {} : { goodput_at_5x: round(over.issued_per_s / main.issued_per_s, 2), overload: { rate_per_s: over.rate_per_s, issued_per_s: over.issued_per_s, outcomes: over.outcomes } }),
      ...verdict,
      processes: options.layout, runs: options.runs,
    };
  } finally {
    await load.stop();
  }
}

function figuresOf(main: PhaseResult, idle: CpuTimes): Record<string, unknown> {
  const each = (cpu_s: Record<string, number>) => Object.fromEntries(Object.entries(cpu_s).map(([name, used_s]) => [name, round((used_s * 1000) / main.issued, 2)]));
  const sum = (values: CpuTimes) => Object.values(values).reduce((total, used_s) => total + used_s, 0);
  const [total_s, idle_s] = [sum(main.cpu_s), sum(idle)];
  return {
    cpu_ms_per_ticket: round((total_s * 1000) / main.issued, 2),
    // Timers, leases and looks after rows go on whether anybody buys or not; the more tickets, the less each carries of it.
    cpu_ms_per_ticket_beyond_idle: round(((total_s - idle_s * main.counted_s) * 1000) / main.issued, 2), idle_cpu_ms_per_s: round(idle_s * 1000),
    issued_per_s: main.issued_per_s,
    arrivals_per_s: main.rate_per_s,
    cpu_ms_per_ticket_by_process: each(main.cpu_s),
    outside_cpu_ms_per_ticket: each({ ...main.outside_cpu_s, generator: main.generator_cpu_s }),
    per_ticket: main.costs,
    purchase_p95_ms: main.took_p95_ms,
    outcomes: main.outcomes,
  };
}

/** The highest rate of which nearly all was served while it came. */
async function sustainable(load: Load, seconds: number, phases: PhaseResult[]): Promise<number> {
  let best = RATES_PER_S[0]!;
  for (const rate_per_s of RATES_PER_S) {
    const tried = await load.phase(`trying ${rate_per_s}`, rate_per_s, Math.ceil(seconds * TRY_SHARE));
    phases.push(tried);
    if (tried.issued_per_s < rate_per_s * SERVED_SHARE) return best;
    best = rate_per_s;
  }
  return best;
}

const BASE_DATABASE = 'chunyun_bench';

async function singleRowCommits(admin_url: string): Promise<number> {
  const password = 'bench-only';
  await runSql(admin_url, databaseStatements(BASE_DATABASE, BASE_DATABASE, password, 'schema'));
  const url = new URL(admin_url);
  Object.assign(url, { username: BASE_DATABASE, password, pathname: `/${BASE_DATABASE}` });
  const base = await openSqlBase(url.href);
  try {
    return await base.singleRows(BASE_MS);
  } finally {
    await base.stop();
  }
}
