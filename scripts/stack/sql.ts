/** Statements of the administrator: databases and users. Services never use it. */
import { openPool } from '#kit/store/pool.ts';

const STATEMENT_TIMEOUT_MS = 30_000;

/** Runs statements one after another on one connection, as the user of the URL. */
export async function runSql(url: string, statements: readonly string[]): Promise<Record<string, unknown>[][]> {
  const pool = openPool({ url, pool_size: 1, service: 'scripts', lock_wait_timeout_s: 20, acquire_timeout_ms: 10_000, multiple_statements: false });
  try {
    const connection = await pool.acquire();
    const results: Record<string, unknown>[][] = [];
    for (const sql of statements) results.push([...(await pool.run(connection, sql, [], STATEMENT_TIMEOUT_MS))]);
    connection.release();
    return results;
  } finally {
    await pool.close();
  }
}

/**
 * Makes a database and the one user who may work in it: rows, routines and temporary tables, and with `schema` also the
 * shape of its tables, which only migrations need.
 */
export function databaseStatements(database: string, user: string, password: string, rights: 'rows' | 'schema', host = '127.0.0.1'): string[] {
  for (const name of [database, user]) if (!/^\w{1,64}$/.test(name)) throw new Error(`not a name for a database or a user: ${name}`);
  const quoted = `'${password.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  const account = `'${user}'@'${host}'`;
  const rows = 'SELECT, INSERT, UPDATE, DELETE, EXECUTE, CREATE TEMPORARY TABLES';
  const schema = `${rows}, LOCK TABLES, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE ROUTINE, ALTER ROUTINE, CREATE VIEW, SHOW VIEW, TRIGGER, EVENT`;
  return [
    `CREATE DATABASE IF NOT EXISTS \`${database}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
    `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY ${quoted}`,
    // The password may have been changed since.
    `ALTER USER ${account} IDENTIFIED BY ${quoted}`,
    `GRANT ${rights === 'rows' ? rows : schema} ON \`${database.replaceAll('_', '\\_')}\`.* TO ${account}`,
  ];
}
