/** What a transaction like an order's step costs by itself and in company (ADR 26): CPU of this process and of a MariaDB of its own. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { inTurns } from '#kit/base/in_turns.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database, type Tx } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { Bench } from '../bench.ts';
import { databaseStatements, runSql } from '../stack/sql.ts';
import { cpuBetween, cpuOf, type Processes } from './inventory/cpu.ts';
import { median } from './inventory/measure.ts';
import { startServers } from './inventory/servers.ts';

/** Transactions under way at the same time. */
const AT_ONCE = [1, 10, 50];
const ROUNDS = 5;
const DATABASE = 'bench_store';
const STEP_TABLE = 'CREATE TABLE step (id BIGINT PRIMARY KEY, version INT NOT NULL, body VARCHAR(2000) NOT NULL)';
const LINE_TABLE = 'CREATE TABLE line (id BIGINT NOT NULL, version INT NOT NULL, body VARCHAR(200) NOT NULL, PRIMARY KEY (id, version))';

export const bench: Bench = {
  about: 'CPU of a transaction like an order\'s step, by itself and sharing one with others (--count N a round)',
  about_zh: '形如订单一步的事务，单独执行与合并执行各耗多少 CPU（--count 每轮次数）',
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { count: { type: 'string', default: '1000' } } });
    const servers = await startServers({ mysql: true }, false);
    try {
      const db = await openStore(servers.mysql_url!);
      const processes = { mariadb: servers.pids.mariadb!, caller: process.pid };
      const by_at_once: Record<number, Record<string, number>> = {};
      for (const at_once of AT_ONCE) by_at_once[at_once] = await compare(db, processes, at_once, Number(values.count));
      await db.close();
      console.table(by_at_once);
      return { by_at_once };
    } finally {
      await servers.stop();
    }
  },
};

async function openStore(admin_url: string): Promise<Database> {
  const password = randomUUID();
  await runSql(admin_url, databaseStatements(DATABASE, DATABASE, password, 'schema'));
  const url = Object.assign(new URL(admin_url), { username: DATABASE, password, pathname: `/${DATABASE}` }).href;
  await migrate(url, [{ name: '0001_bench', up: [...kitTables({ outbox: true }), STEP_TABLE, LINE_TABLE] }], { log: silentLog() });
  return openDatabase({ url, log: silentLog(), service: 'order', multiple_statements: true, pool_size: 16 });
}

/** Both ways take turns; medians of CPU microseconds a transaction. */
async function compare(db: Database, processes: Processes, at_once: number, count: number): Promise<Record<string, number>> {
  const us = { alone: [] as number[], shared: [] as number[] };
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const way of ['alone', 'shared'] as const) {
      const ids = await makeRows(db, count);
      const before = cpuOf(processes);
      await inTurns(ids, at_once, (id) => db.transaction((tx) => takeStep(tx, id), way === 'shared' ? { share: { keys: [`step/${id}`] } } : {}));
      const used = cpuBetween(before, cpuOf(processes));
      // The first round only warms.
      if (round > 0) us[way].push((Object.values(used).reduce((sum, used_s) => sum + used_s, 0) * 1e6) / count);
    }
  }
  const [alone, shared] = [median(us.alone), median(us.shared)];
  return { alone_cpu_us: Math.round(alone), shared_cpu_us: Math.round(shared), ratio: Math.round((shared / alone) * 100) / 100 };
}

/** A row read, changed where its version still is what it was, a line of history and an event: as every step of an order. */
async function takeStep(tx: Tx, id: number): Promise<void> {
  const [row] = await tx.execute<{ version: number; body: string }>('SELECT version, body FROM step WHERE id = ?', [id]);
  const updated = await tx.execute('UPDATE step SET version = version + 1, body = ? WHERE id = ? AND version = ?', [row!.body, id, row!.version]);
  if (updated.affected_rows !== 1) throw new Error('somebody else was faster');
  await tx.later('INSERT INTO line (id, version, body) VALUES (?, ?, ?)', [id, row!.version, 'moved on']);
  await appendEvents(tx, [{ stream: 'ORDER', event_id: `step-${id}`, type: 'Step', version: BigInt(row!.version), key: String(id), occurred_at: new Date(), payload: new Uint8Array(300) }]);
}

let next_id = 1;

async function makeRows(db: Database, count: number): Promise<number[]> {
  const ids = Array.from({ length: count }, () => next_id++);
  const body = 'x'.repeat(600);
  await db.transaction(async (tx) => {
    for (const id of ids) await tx.later('INSERT INTO step (id, version, body) VALUES (?, 1, ?)', [id, body]);
  });
  return ids;
}
