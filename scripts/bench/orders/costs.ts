/** What the servers of a stack were asked to do, counted by themselves. */
import { createConnection } from 'mysql2/promise';
import { openRedis } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';

export type Costs = Record<string, number>;

/** Counters that only grow: statements, commits and flushes of MariaDB, commands of Redis, messages of NATS. */
export async function costsOf(env: Readonly<Record<string, string>>): Promise<Costs> {
  const [mysql, redis, nats] = await Promise.all([mysqlCosts(env.MYSQL_ADMIN_URL!), redisCosts(env.REDIS_URL!), natsCosts(env.NATS_MONITOR_URL!)]);
  return { ...mysql, ...redis, ...nats };
}

export function costsBetween(before: Costs, after: Costs, per: number): Costs {
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, Math.round(((count - (before[name] ?? 0)) / per) * 100) / 100]));
}

const MYSQL_COUNTERS: Record<string, string> = {
  Questions: 'sql_statements', Com_select: 'sql_selects', Com_insert: 'sql_inserts', Com_update: 'sql_updates', Com_delete: 'sql_deletes', Com_begin: 'sql_begins', Com_commit: 'sql_commits', Com_savepoint: 'sql_savepoints',
  Innodb_os_log_fsyncs: 'redo_flushes', Innodb_rows_inserted: 'rows_inserted', Innodb_rows_updated: 'rows_updated', Innodb_rows_read: 'rows_read', Innodb_os_log_written: 'redo_bytes',
};

async function mysqlCosts(url: string): Promise<Costs> {
  const connection = await createConnection(url);
  try {
    const [rows] = (await connection.query('SHOW GLOBAL STATUS')) as unknown as [{ Variable_name: string; Value: string }[]];
    return Object.fromEntries(rows.filter(({ Variable_name }) => Object.hasOwn(MYSQL_COUNTERS, Variable_name)).map(({ Variable_name, Value }) => [MYSQL_COUNTERS[Variable_name]!, Number(Value)]));
  } finally {
    await connection.end();
  }
}

async function redisCosts(url: string): Promise<Costs> {
  const redis = await openRedis({ url, log: silentLog(), service: 'bench' });
  try {
    const text = String(await redis.client.call('INFO', 'stats'));
    return { redis_commands: Number(/total_commands_processed:(\d+)/.exec(text)?.[1] ?? NaN) };
  } finally {
    await redis.close();
  }
}

async function natsCosts(url: string): Promise<Costs> {
  const varz = (await (await fetch(`${url}/varz`)).json()) as { in_msgs: number; out_msgs: number };
  return { nats_in: varz.in_msgs, nats_out: varz.out_msgs };
}
