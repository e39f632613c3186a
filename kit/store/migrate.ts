// Brings a database to the schema its service was written for. Forward only.
//
// MySQL commits at every DDL statement, so a migration isn't atomic whatever a tool says. Instead each finished
// statement is recorded, and a run that died goes on behind the last one. MikroORM's Migrator records whole migrations
// by name only, without checksum, lock or progress; therefore this runner.
import { createHash } from 'node:crypto';
import type { PoolConnection } from 'mysql2';
import type { Log } from '#kit/telemetry/log.ts';
import { isDoneBefore } from './errors.ts';
import { openPool, type SqlPool } from './pool.ts';

export interface Migration {
  /** Sorts as it is applied: `0001_orders`. Never renamed. */
  readonly name: string;
  /** One statement each. May be repeated once after a crash; a column or key that is there then is fine. Never edited after release. */
  readonly up: readonly string[];
}

export interface MigrateOptions {
  readonly log: Log;
  readonly lock_timeout_s?: number;
  readonly statement_timeout_ms?: number;
}

const LOCK_TIMEOUT_S = 60;
const STATEMENT_TIMEOUT_MS = 300_000;
const MAX_MIGRATIONS = 10_000;

/**
 * Applies what is missing, in order, and returns the names applied now. Processes that run it at once wait for one
 * another (GET_LOCK). Throws when an applied migration was edited. A database that knows more migrations than `migrations`
 * is fine: a program one version back runs on it, since migrations expand before they contract.
 */
export async function migrate(url: string, migrations: readonly Migration[], options: MigrateOptions): Promise<string[]> {
  checkNames(migrations);
  const pool = openPool({ url, pool_size: 1, service: 'migrate', lock_wait_timeout_s: 60, acquire_timeout_ms: 10_000, multiple_statements: false });
  try {
    const connection = await pool.acquire();
    try {
      return await lockedRun(pool, connection, migrations, options);
    } finally {
      connection.release();
    }
  } finally {
    await pool.close();
  }
}

async function lockedRun(pool: SqlPool, connection: PoolConnection, migrations: readonly Migration[], options: MigrateOptions): Promise<string[]> {
  const wait_s = options.lock_timeout_s ?? LOCK_TIMEOUT_S;
  const run = (sql: string, params: readonly (string | number)[] = [], timeout_ms = options.statement_timeout_ms ?? STATEMENT_TIMEOUT_MS) =>
    pool.run(connection, sql, params, timeout_ms);
  // The lock is server-wide, so its name carries the database. It ends with the connection.
  const [lock] = await run("SELECT GET_LOCK(CONCAT('migrate:', MD5(DATABASE())), ?) AS got", [wait_s], (wait_s + 5) * 1_000);
  if (Number(lock?.['got'] ?? 0) !== 1) throw new Error(`another migration is still running after ${wait_s} s`);
  try {
    await prepare(run);
    const rows = await run('SELECT name, checksum, statements_done, statements FROM schema_migration ORDER BY name');
    const known = new Map(rows.map((row) => [String(row['name']), row]));
    const done: string[] = [];
    for (const migration of migrations) {
      if (await applyOne(run, migration, known.get(migration.name), options.log)) done.push(migration.name);
    }
    return done;
  } finally {
    await run("DO RELEASE_LOCK(CONCAT('migrate:', MD5(DATABASE())))");
  }
}

type Run = (sql: string, params?: readonly (string | number)[]) => Promise<Record<string, unknown>[]>;

async function prepare(run: Run): Promise<void> {
  const [current] = await run('SELECT @@character_set_database AS charset, @@collation_database AS collation, DATABASE() AS name');
  if (current?.['charset'] !== 'utf8mb4' || current['collation'] !== 'utf8mb4_bin') {
    // Tables made without a charset of their own would take the server's, which can be latin1.
    await run(`ALTER DATABASE \`${String(current?.['name']).replaceAll('`', '``')}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  }
  // A database that is up to date needs no right to create tables: services run with an account that has none.
  const made = await run("SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'schema_migration'");
  if (made.length > 0) return;
  await run(`CREATE TABLE IF NOT EXISTS schema_migration (
    name VARCHAR(190) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    statements INT NOT NULL,
    statements_done INT NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (name)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
}

/** True when something was run. */
async function applyOne(run: Run, migration: Migration, known: Record<string, unknown> | undefined, log: Log): Promise<boolean> {
  const checksum = checksumOf(migration);
  if (known !== undefined && known['checksum'] !== checksum) {
    throw new Error(`migration ${migration.name} was changed after it was applied: write a new one instead`);
  }
  const start = Number(known?.['statements_done'] ?? 0);
  if (known === undefined) {
    await run('INSERT INTO schema_migration (name, checksum, statements, statements_done, updated_at) VALUES (?, ?, ?, 0, UTC_TIMESTAMP(3))', [
      migration.name,
      checksum,
      migration.up.length,
    ]);
  } else if (start >= migration.up.length) {
    return false;
  }
  for (const [index, sql] of migration.up.entries()) {
    if (index < start) continue;
    try {
      await run(sql);
    } catch (error) {
      // A process that died between the statement and its record has done it already.
      const repeated = known !== undefined && index === start;
      if (!repeated || !isDoneBefore(error)) throw new Error(`migration ${migration.name} failed at statement ${index + 1}`, { cause: error });
    }
    await run('UPDATE schema_migration SET statements_done = ?, updated_at = UTC_TIMESTAMP(3) WHERE name = ?', [index + 1, migration.name]);
  }
  log.info({ migration: migration.name, statements: migration.up.length - start }, 'migration applied');
  return true;
}

function checksumOf(migration: Migration): string {
  // Indentation may be reformatted; every other change counts.
  const text = migration.up.map((sql) => sql.replace(/\s+/g, ' ').trim()).join('\n;\n');
  return createHash('sha256').update(text).digest('hex');
}

function checkNames(migrations: readonly Migration[]): void {
  if (migrations.length > MAX_MIGRATIONS) throw new Error('too many migrations');
  migrations.forEach((migration, index) => {
    const previous = migrations[index - 1];
    if (!/^[\w.-]{1,190}$/.test(migration.name)) throw new Error(`not a migration name: ${migration.name}`);
    if (previous !== undefined && previous.name >= migration.name) throw new Error(`migrations out of order: ${previous.name}, ${migration.name}`);
  });
}
