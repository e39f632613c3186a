/** Holds acknowledged after the ledger's commit, through the batch method, beside plain inserts of the same MariaDB. */
import { say } from '../../say.ts';
import type { Acknowledgements } from './acknowledged.ts';
import { cpuBetween, cpuOf, untilIdle, type CpuTimes } from './cpu.ts';
import { batchLoop, refusedText, type Wishes } from './load.ts';
import { median, ratioOf, round } from './measure.ts';
import { HOLDS_PER_CALL } from './mix.ts';
import type { Sizes } from './options.ts';
import { openSqlBase } from './sql_base.ts';
import type { World } from './world.ts';

const CALLERS = 8;
/** Rows of an insert of the second base: as many as a call of ours has holds, and as many as a tick of the service may have. */
const [CALL_ROWS, TICK_ROWS] = [HOLDS_PER_CALL, 256];

export async function measureDurable(world: World, wishes: Wishes, acknowledged: Acknowledgements, { rounds, round_ms }: Sizes): Promise<Record<string, unknown>> {
  const base = await openSqlBase(world.mysql_url);
  const rates = { single: [] as number[], call_rows: [] as number[], tick_rows: [] as number[], holds: [] as number[] };
  const cpu_us: CpuTimes[] = [];
  try {
    for (let number = 1; number <= rounds; number += 1) {
      rates.single.push(await base.singleRows(round_ms));
      rates.call_rows.push(await base.manyRows(round_ms / 2, CALL_ROWS));
      rates.tick_rows.push(await base.manyRows(round_ms / 2, TICK_ROWS));
      await untilIdle(world.processes());
      const before = cpuOf(world.processes());
      const outcome = await batchLoop(world.client, CALLERS, round_ms * 2, () => wishes.spread(), acknowledged);
      // Events are published after the answer; they belong to the hold all the same.
      await untilIdle(world.processes());
      cpu_us.push(perHold(cpuBetween(before, cpuOf(world.processes())), outcome.held));
      rates.holds.push(outcome.held / outcome.took_s);
      const text = `single rows ${round(rates.single.at(-1)!)}/s, holds ${round(rates.holds.at(-1)!)}/s ${refusedText(outcome)}`;
      say(`durable, round ${number} of ${rounds}: ${text}`, `持久预扣，第 ${number}/${rounds} 轮：${text}`);
    }
  } finally {
    await base.stop();
  }
  return {
    durable_ratio: ratioOf(rates.holds, rates.single),
    durable_rows_ratio: ratioOf(rates.holds, rates.call_rows),
    durable_tick_rows_ratio: ratioOf(rates.holds, rates.tick_rows),
    durable_holds_per_s: round(median(rates.holds)),
    single_row_commits_per_s: round(median(rates.single)),
    rows_by_64_per_s: round(median(rates.call_rows)),
    rows_by_256_per_s: round(median(rates.tick_rows)),
    ...cpuFields(cpu_us),
  };
}

function perHold(used_s: CpuTimes, holds: number): CpuTimes {
  return Object.fromEntries(Object.entries(used_s).map(([name, seconds]) => [name, (seconds * 1e6) / Math.max(1, holds)]));
}

function cpuFields(rounds: readonly CpuTimes[]): Record<string, unknown> {
  const names = Object.keys(rounds[0] ?? {});
  const by_process = Object.fromEntries(names.map((name) => [name, round(median(rounds.map((times) => times[name]!)), 1)]));
  const sums = rounds.map((times) => Object.values(times).reduce((sum, us) => sum + us, 0));
  return { cpu_us_per_hold: round(median(sums), 1), cpu_us_per_hold_by_process: by_process };
}
