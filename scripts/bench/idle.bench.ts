/** What a stack does that nobody asks anything: statements by service, commands, messages and CPU, a second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Bench } from '../bench.ts';
import { say, step, Told, words } from '../say.ts';
import { runSql } from '../stack/sql.ts';
import { PROCESS_LAYOUTS } from '../stack/services.ts';
import { cpuBetween, cpuOf } from './inventory/cpu.ts';
import { round } from './inventory/measure.ts';
import { costsBetween, costsOf } from './orders/costs.ts';
import { startWorld, type World } from './orders/world.ts';

export const bench: Bench = {
  about: 'what an idle stack does a second: statements by service, commands, messages, CPU (--help)',
  about_zh: '空闲系统每秒的开销：各服务的 SQL 语句、命令、消息、CPU（--help）',
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { seconds: { type: 'string', default: '20' }, runs: { type: 'string', default: '20' }, processes: { type: 'string', default: 'one' }, help: { type: 'boolean', default: false } } });
    if (values.help) {
      console.log(words('npm run bench -- idle [--seconds 20] [--runs 20] [--processes one|grouped|each]', 'npm run bench -- idle [--seconds 20] [--runs 20] [--processes one|grouped|each]'));
      return {};
    }
    const layout = PROCESS_LAYOUTS.find((known) => known === values.processes);
    if (layout === undefined) throw new Told('--processes is one, grouped or each', '--processes 只能是 one、grouped 或 each');
    const seconds = Number(values.seconds);
    const world = await startWorld({ seconds, rate_per_s: undefined, runs: Number(values.runs), layout, profile_folder: undefined, overload: false }, 'bench-idle');
    try {
      // What the start left to do: runs that opened are told of and published, and caches are filled.
      await step(say, 'waiting until the start is over', '正在等待启动结束', () => sleep(SETTLE_MS));
      return await step(say, `counting for ${seconds} s`, `计数 ${seconds} 秒`, () => count(world, seconds));
    } finally {
      await world.stack.stop();
    }
  },
};

const SETTLE_MS = 15_000;

async function count(world: World, seconds: number): Promise<Record<string, unknown>> {
  const { env } = world.stack;
  const admin_url = env.MYSQL_ADMIN_URL!;
  await runSql(admin_url, ['SET GLOBAL log_output = \'TABLE\'', 'TRUNCATE TABLE mysql.general_log', 'SET GLOBAL general_log = 1']);
  await sleep(seconds * 1_000);
  await runSql(admin_url, ['SET GLOBAL general_log = 0']);
  const logged = await statements(admin_url, seconds);
  // The log costs CPU itself, so CPU and the servers' own counters are of a second stretch.
  const [costs, cpu, from_ms] = [await costsOf(env), cpuOf(world.product()), performance.now()];
  await sleep(seconds * 1_000);
  const took_s = (performance.now() - from_ms) / 1_000;
  const cpu_ms_per_s = Object.fromEntries(Object.entries(cpuBetween(cpu, cpuOf(world.product()))).map(([name, used_s]) => [name, round((used_s * 1_000) / took_s, 1)]));
  const per_s = costsBetween(costs, await costsOf(env), took_s);
  print(logged, cpu_ms_per_s, per_s);
  const { services, ...servers } = { services: Object.fromEntries(logged.by_service), ...per_s };
  return { statements_per_s: services, top: logged.top, servers_per_s: servers, cpu_ms_per_s, idle_cpu_ms_per_s: round(Object.values(cpu_ms_per_s).reduce((sum, ms) => sum + ms, 0), 1) };
}

type Logged = { by_service: [string, number][]; top: { service: string; per_s: number; statement: string }[] };

/** From the general log: every service is a user of its own. */
async function statements(admin_url: string, seconds: number): Promise<Logged> {
  const shape = "LEFT(REGEXP_REPLACE(REGEXP_REPLACE(CONVERT(argument USING utf8mb4), '[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+', '#'), '[[:space:]]+', ' '), 140)";
  const from = "FROM mysql.general_log WHERE command_type = 'Query' AND user_host NOT LIKE 'root%'";
  const [by_service, top] = await runSql(admin_url, [
    `SELECT SUBSTRING_INDEX(user_host, '[', 1) AS service, COUNT(*) AS times ${from} GROUP BY service ORDER BY times DESC`,
    `SELECT SUBSTRING_INDEX(user_host, '[', 1) AS service, ${shape} AS statement, COUNT(*) AS times ${from} GROUP BY service, statement ORDER BY times DESC LIMIT 60`,
  ]);
  return {
    by_service: by_service!.map(({ service, times }) => [String(service), round(Number(times) / seconds, 1)]),
    top: top!.map(({ service, statement, times }) => ({ service: String(service), per_s: round(Number(times) / seconds, 2), statement: String(statement) })),
  };
}

function print({ by_service, top }: Logged, cpu: Record<string, number>, servers: Record<string, number>): void {
  for (const { service, per_s, statement } of top) console.log(`${String(per_s).padStart(7)}  ${service.padEnd(22)} ${statement}`);
  console.table(Object.fromEntries(by_service));
  console.table(servers);
  console.table(cpu);
}
