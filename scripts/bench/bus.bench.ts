/** The event bus on servers of its own: what an event costs from its commit to its effect, by the way it is handled. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openBus, type Bus } from '#kit/bus/bus.ts';
import { startConsumer, type ConsumerOptions, type ReceivedEvent } from '#kit/bus/consumer.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { ensureStreams } from '#kit/bus/streams.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database, type Tx } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import type { Bench } from '../bench.ts';
import { databaseStatements, runSql } from '../stack/sql.ts';
import { cpuBetween, cpuOf, type Processes } from './inventory/cpu.ts';
import { quantile, round } from './inventory/measure.ts';
import { startServers, type Servers } from './inventory/servers.ts';

export const bench: Bench = {
  about: 'events from their commit to their effect: CPU and statements of one at a rate, by way of handling; a lone one\'s time (--rate, --seconds)',
  about_zh: '事件从提交到生效：给定速率下每个事件的 CPU 与语句数（按处理方式），以及单个事件的耗时（--rate、--seconds）',
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { rate: { type: 'string', default: '300' }, seconds: { type: 'string', default: '5' } } });
    const servers = await startServers({ mysql: true, nats: true }, false);
    try {
      const world = await openWorld(servers);
      const ways: Record<string, Record<string, number>> = {};
      const written = await atRate(world, undefined, Number(values.rate), Number(values.seconds));
      for (const name of WAYS) ways[name] = await atRate(world, name, Number(values.rate), Number(values.seconds));
      const backlog = await backlogOf(world);
      const lone = await loneEvents(world);
      await world.close();
      console.table({ 'written only': written, ...ways });
      console.table({ ...backlog, ...lone });
      return { rate_per_s: Number(values.rate), written, ways, ...backlog, ...lone };
    } finally {
      await servers.stop();
    }
  },
};

type World = { db: Database; bus: Bus; log: ReturnType<typeof silentLog>; processes: Processes; admin_url: string; close(): Promise<void> };
type Way = (typeof WAYS)[number];

/** One transaction an event, transactions that events share, and one statement for all. */
const WAYS = ['handle', 'share', 'handleMany'] as const;
const DATABASE = 'bench_bus';
const EFFECT = 'CREATE TABLE effect (event_id VARCHAR(64) PRIMARY KEY, at_ms BIGINT NOT NULL)';
const BACKLOG = 10_000;
const LONE_EVENTS = 40;
const LONE_PAUSE_MS = 150;
const SERVICE = 'order';

async function openWorld(servers: Servers): Promise<World> {
  const log = silentLog();
  const [password, admin_url] = [randomUUID(), servers.mysql_url!];
  await runSql(admin_url, databaseStatements(DATABASE, DATABASE, password, 'schema'));
  const url = Object.assign(new URL(admin_url), { username: DATABASE, password, pathname: `/${DATABASE}` }).href;
  await migrate(url, [{ name: '0001_bench', up: [...kitTables({ outbox: true, inbox: true }), EFFECT] }], { log });
  const db = await openDatabase({ url, log, service: SERVICE, multiple_statements: true, pool_size: 16 });
  const bus = await openBus({ url: servers.nats_url!, token: servers.nats_token, log, service: SERVICE });
  await ensureStreams(bus);
  const close = async (): Promise<void> => {
    await bus.close();
    await db.close();
  };
  return { db, bus, log, admin_url, processes: { process: process.pid, mariadb: servers.pids.mariadb!, nats: servers.pids.nats! }, close };
}

/** Single-event transactions at a rate, with relay and consumer beside them, or alone. */
async function atRate({ db, bus, log, processes, admin_url }: World, way: Way | undefined, rate_per_s: number, seconds: number): Promise<Record<string, number>> {
  await appendOne(db);
  let handled = 0;
  const running: { stop(): Promise<void> }[] = [];
  if (way !== undefined) {
    const relay = startRelay({ db, nats: bus, log, service: SERVICE });
    await relay.idle();
    running.push(await startConsumer({ nats: bus, db, stream: 'ORDER', durable: `bench-${way}`, service: SERVICE, log, ...handlerOf(way, (count) => void (handled += count)) }), relay);
    while (handled < (await eventsOf(db))) await sleep(20);
  }
  const [before, statements, from] = [cpuOf(processes), await statementsOf(admin_url), handled];
  const count = rate_per_s * seconds;
  const began_ms = performance.now();
  const writes: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const wait_ms = began_ms + (index * 1_000) / rate_per_s - performance.now();
    if (wait_ms > 1) await sleep(wait_ms);
    writes.push(appendOne(db));
  }
  await Promise.all(writes);
  while (way !== undefined && handled < from + count) await sleep(5);
  const cpu = cpuBetween(before, cpuOf(processes));
  const spent = (await statementsOf(admin_url)) - statements;
  for (const one of running) await one.stop();
  const us = Object.fromEntries(Object.entries(cpu).map(([name, used_s]) => [`${name}_us`, round((used_s * 1e6) / count)]));
  return { ...us, cpu_us: round(Object.values(cpu).reduce((sum, used_s) => sum + used_s, 0) * 1e6 / count), statements: round(spent / count, 2) };
}

function handlerOf(way: Way, done: (count: number) => void): Partial<ConsumerOptions> {
  const write = async (events: readonly ReceivedEvent[], tx: Tx): Promise<void> => {
    await tx.execute(`INSERT IGNORE INTO effect (event_id, at_ms) VALUES ${events.map(() => '(?, ?)').join(', ')}`, events.flatMap(({ event_id }) => [event_id, Date.now()]));
    tx.afterCommit(() => done(events.length));
  };
  if (way === 'handleMany') return { handleMany: write };
  return { handle: (event, tx) => write([event], tx), ...(way === 'share' ? { share: ({ key }) => [key] } : {}) };
}

/** What waits in the outbox when a relay starts. */
async function backlogOf({ db, bus, log, processes, admin_url }: World): Promise<Record<string, number>> {
  for (let written = 0; written < BACKLOG; written += 500) await db.transaction((tx) => appendEvents(tx, Array.from({ length: 500 }, newEvent)));
  const [before, statements, began_ms] = [cpuOf(processes), await statementsOf(admin_url), performance.now()];
  const relay = startRelay({ db, nats: bus, log, service: SERVICE });
  await relay.idle();
  const took_s = (performance.now() - began_ms) / 1_000;
  const cpu_s = Object.values(cpuBetween(before, cpuOf(processes))).reduce((sum, used_s) => sum + used_s, 0);
  await relay.stop();
  return { relay_per_s: round(BACKLOG / took_s), relay_cpu_us: round((cpu_s * 1e6) / BACKLOG), relay_statements: round(((await statementsOf(admin_url)) - statements) / BACKLOG, 3) };
}

/** From commit to effect, of events that come after a quiet time. */
async function loneEvents({ db, bus, log }: World): Promise<Record<string, number>> {
  const relay = startRelay({ db, nats: bus, log, service: SERVICE });
  await relay.idle();
  let handled = Promise.withResolvers<void>();
  const newest = new Set<string>();
  const handle = async ({ event_id }: ReceivedEvent, tx: Tx): Promise<void> => tx.afterCommit(() => newest.delete(event_id) && handled.resolve());
  const consumer = await startConsumer({ nats: bus, db, stream: 'ORDER', durable: 'bench-handle', service: SERVICE, log, handle });
  const took_ms: number[] = [];
  for (let index = 0; index < LONE_EVENTS; index += 1) {
    await sleep(LONE_PAUSE_MS);
    handled = Promise.withResolvers();
    const event = newEvent();
    newest.add(event.event_id);
    await db.transaction((tx) => appendEvents(tx, [event]));
    const committed_ms = performance.now();
    await handled.promise;
    took_ms.push(performance.now() - committed_ms);
  }
  await consumer.stop();
  await relay.stop();
  return { lone_p50_ms: round(quantile(took_ms, 0.5), 1), lone_p95_ms: round(quantile(took_ms, 0.95), 1) };
}

const newEvent = () => ({ event_id: randomUUID(), stream: 'ORDER' as const, type: 'bench.v1.Happened', version: 1n, key: randomUUID(), occurred_at: new Date(), payload: Buffer.alloc(300, 1) });

async function appendOne(db: Database): Promise<void> {
  await db.transaction((tx) => appendEvents(tx, [newEvent()]));
}

async function eventsOf(db: Database): Promise<number> {
  return Number((await db.query<{ n: bigint }>('SELECT COUNT(*) AS n FROM outbox'))[0]?.n);
}

async function statementsOf(admin_url: string): Promise<number> {
  const [rows] = await runSql(admin_url, ["SHOW GLOBAL STATUS LIKE 'Questions'"]);
  return Number(rows?.[0]?.Value);
}
