// A bounded pool of MySQL connections whose every wait has a deadline.
//
// mysql2 is used directly: the ORM shares this pool (see orm_bridge.ts), and raw statements keep full control over
// deadlines, types and what a lost connection means.
import { isIP } from 'node:net';
import { createPool, type Pool, type PoolConnection, type PoolOptions, type ResultSetHeader, type SslOptions, type TypeCast } from 'mysql2';
import { isConnectionError, StatementTimeout, StoreUnavailable } from './errors.ts';
import { storeMetrics, type StoreMetrics } from './metrics.ts';
import type { OrmResult } from './orm_bridge.ts';

export type SqlValue = string | number | bigint | boolean | Date | Uint8Array | null | undefined | readonly SqlValue[];

/**
 * What a statement gave: the rows themselves (empty for a write), and for a write the two counts.
 * `affected_rows` counts rows *matched* (CLIENT_FOUND_ROWS): a compare-and-set that matches is 1 even when it writes
 * the values that stood there already. `INSERT … ON DUPLICATE KEY UPDATE` says 1 for an insert, 2 for a change and 1
 * for an update that changes nothing.
 */
export type SqlResult<R = SqlRow> = R[] & { readonly affected_rows: number; readonly insert_id: bigint };
export type SqlRow = Record<string, unknown>;

export interface PoolSettings {
  readonly url: string;
  readonly pool_size: number;
  readonly service: string;
  readonly lock_wait_timeout_s: number;
  readonly acquire_timeout_ms: number;
  /** Allows several statements in one packet; only for code that sends no text of strangers. */
  readonly multiple_statements: boolean;
  /** Connections that were made stay, however long nobody needs them. */
  readonly keep_idle?: boolean;
}

/** How many callers may wait for a connection, per connection of the pool. */
const WAITERS_PER_CONNECTION = 64;
const CONNECT_TIMEOUT_MS = 3_000;
const IDLE_TIMEOUT_MS = 60_000;
const WARM_MS = 1_000;

export interface SqlPool {
  readonly native: Pool;
  acquire(timeout_ms?: number): Promise<PoolConnection>;
  /** True when the connection answered a moment ago, so that it has hardly died since. */
  isWarm(connection: PoolConnection): boolean;
  run<R = SqlRow>(connection: PoolConnection, sql: string, params: readonly SqlValue[], timeout_ms: number): Promise<SqlResult<R>>;
  runMany(connection: PoolConnection, sql: string, params: readonly SqlValue[], timeout_ms: number): Promise<SqlResult[]>;
  /** For the ORM, which knows its own types and escapes its own values. */
  runForOrm(connection: PoolConnection, sql: string, timeout_ms: number): Promise<OrmResult>;
  /** Closes a connection at once and has the server end what it does. */
  abandon(connection: PoolConnection): void;
  close(): Promise<void>;
}

export function openPool(settings: PoolSettings): SqlPool {
  const native = createPool(poolOptions(settings));
  native.on('connection', (connection) => prepareSession(connection as unknown as PoolConnection, settings));
  const metrics = storeMetrics(settings.service);
  watchPool(native, metrics);

  async function acquire(timeout_ms = settings.acquire_timeout_ms): Promise<PoolConnection> {
    return acquireWithin(native, timeout_ms, metrics);
  }
  async function runMany(connection: PoolConnection, sql: string, params: readonly SqlValue[], timeout_ms: number): Promise<SqlResult[]> {
    const raw = await send(native, connection, rawQuery(sql, params, timeout_ms), metrics);
    // One statement gives rows or a header, several give a list of those; a list of rows never holds a list.
    const many = Array.isArray(raw) && raw.some((part) => Array.isArray(part) || isHeader(part));
    return many ? (raw as unknown[]).map(toResult) : [toResult(raw)];
  }
  return {
    native,
    acquire,
    isWarm: (connection) => performance.now() - (answered_at_ms.get(connection) ?? -Infinity) < WARM_MS,
    runMany,
    async run<R>(connection: PoolConnection, sql: string, params: readonly SqlValue[], timeout_ms: number) {
      return toResult(await send(native, connection, rawQuery(sql, params, timeout_ms), metrics)) as SqlResult<R>;
    },
    async runForOrm(connection, sql, timeout_ms) {
      const raw = await send(native, connection, { sql, timeout_ms }, metrics);
      if (!isHeader(raw)) return { rows: Array.isArray(raw) ? raw : [] };
      return { rows: [], affected_rows: BigInt(raw.affectedRows), insert_id: BigInt(raw.insertId) };
    },
    abandon: (connection) => abandon(native, connection, metrics),
    close: () => new Promise<void>((resolve) => native.end(() => resolve())),
  };
}

/** The certificate must be for the host that is named: else whoever has one of the same authority could stand in for the server. */
function tlsOf({ hostname, searchParams }: URL): SslOptions {
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) throw new Error('TLS to MySQL needs the host by name, since its certificate is for a name');
  const ca = searchParams.get('ca');
  return { rejectUnauthorized: true, verifyIdentity: true, ...(ca === null ? {} : { ca }) };
}

function poolOptions(settings: PoolSettings): PoolOptions {
  const url = new URL(settings.url);
  return {
    host: url.hostname || 'localhost',
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || undefined,
    ...(url.searchParams.has('socket') ? { socketPath: url.searchParams.get('socket') ?? '' } : {}),
    ...(url.searchParams.get('tls') === 'on' ? { ssl: tlsOf(url) } : {}),
    connectionLimit: settings.pool_size,
    maxIdle: settings.keep_idle === true ? settings.pool_size : Math.max(1, settings.pool_size - 1),
    idleTimeout: IDLE_TIMEOUT_MS,
    waitForConnections: true,
    queueLimit: settings.pool_size * WAITERS_PER_CONNECTION,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableKeepAlive: true,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    supportBigNumbers: true,
    // The ORM parses dates itself; raw statements use typeCast below.
    dateStrings: true,
    multipleStatements: settings.multiple_statements,
    // FOUND_ROWS: see SqlResult. LOCAL INFILE lets a server read our files, so it is off.
    flags: ['FOUND_ROWS', '-LOCAL_FILES'],
  };
}

/** Queued on the connection before any statement of its first user, so nobody sees an unprepared session. */
function prepareSession(connection: PoolConnection, settings: PoolSettings): void {
  const sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE';
  const statements = [
    'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
    `SET SESSION time_zone = '+00:00', sql_mode = '${sql_mode}', innodb_lock_wait_timeout = ${settings.lock_wait_timeout_s}`,
  ];
  for (const sql of statements) {
    answerOf(connection, { sql, timeout_ms: CONNECT_TIMEOUT_MS }).catch(() => connection.destroy());
  }
}

function watchPool(native: Pool, metrics: StoreMetrics): void {
  // mysql2 tells its sizes only through these fields; without them the gauges would stay at zero and nothing else break.
  const sizeOf = (field: string) => (Reflect.get(native, field) as { length: number } | undefined)?.length ?? 0;
  const show = () => {
    const open = sizeOf('_allConnections');
    metrics.connections.set({ state: 'open' }, open);
    metrics.connections.set({ state: 'busy' }, open - sizeOf('_freeConnections'));
    metrics.connections.set({ state: 'waiting' }, sizeOf('_connectionQueue'));
  };
  for (const event of ['connection', 'acquire', 'release', 'enqueue'] as const) native.on(event as 'acquire', show);
}

function acquireWithin(native: Pool, timeout_ms: number, metrics: StoreMetrics): Promise<PoolConnection> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      metrics.unavailable.inc({});
      reject(new StoreUnavailable(`no database connection within ${timeout_ms} ms`));
    }, timeout_ms);
    native.getConnection((error, connection) => {
      clearTimeout(timer);
      if (error !== null) {
        if (late) return;
        metrics.unavailable.inc({});
        reject(new StoreUnavailable('the database is unavailable', { cause: error }));
      } else if (late) {
        connection.release();
      } else {
        resolve(connection);
      }
    });
  });
}

interface Statement {
  readonly sql: string;
  readonly values?: unknown[];
  readonly typeCast?: TypeCast;
  readonly timeout_ms: number;
}

function rawQuery(sql: string, params: readonly SqlValue[], timeout_ms: number): Statement {
  return { sql, values: params.map(bindable), typeCast, timeout_ms };
}

const answered_at_ms = new WeakMap<PoolConnection, number>();

async function send(native: Pool, connection: PoolConnection, statement: Statement, metrics: StoreMetrics): Promise<unknown> {
  const started_ms = performance.now();
  try {
    const answer = await answerOf(connection, statement);
    answered_at_ms.set(connection, performance.now());
    return answer;
  } catch (error) {
    if (error instanceof StatementTimeout) abandon(native, connection, metrics);
    if (!isConnectionError(error)) throw error;
    connection.destroy();
    metrics.unavailable.inc({});
    throw new StoreUnavailable('the database went away', { cause: error });
  } finally {
    metrics.query_seconds.observe({ kind: kindOf(statement.sql) }, (performance.now() - started_ms) / 1_000);
  }
}

/** The timer is ours: mysql2's own goes on after a lost connection, keeps the process alive and reports a second time. */
function answerOf(connection: PoolConnection, { timeout_ms, ...query }: Statement): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new StatementTimeout(`a statement took longer than ${timeout_ms} ms`)), timeout_ms);
    connection.query(query, (error, result) => {
      clearTimeout(timer);
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

/**
 * Closes a connection whose statement still runs. The server would notice only at the end of that statement and keep
 * its locks until then, so it is told to kill the session; that is best effort, over another connection.
 */
function abandon(native: Pool, connection: PoolConnection, metrics: StoreMetrics): void {
  const { threadId: thread_id } = connection;
  connection.destroy();
  void killSession(native, Number(thread_id), metrics).catch(() => {});
}

async function killSession(native: Pool, thread_id: number, metrics: StoreMetrics): Promise<void> {
  const connection = await acquireWithin(native, CONNECT_TIMEOUT_MS, metrics);
  try {
    await answerOf(connection, { sql: `KILL CONNECTION ${thread_id}`, timeout_ms: CONNECT_TIMEOUT_MS });
    connection.release();
  } catch {
    connection.destroy();
  }
}

/**
 * Types of raw statements, the same whatever the value: BIGINT → bigint (so COUNT(*) too), smaller integers →
 * number, DECIMAL and SUM → string, DATETIME and TIMESTAMP → Date in UTC, DATE → 'YYYY-MM-DD', BINARY and BLOB →
 * Buffer. A type that depended on the size of the value would break for the first id past 2^53.
 */
const typeCast: TypeCast = (field, next) => {
  switch (field.type) {
    case 'LONGLONG': {
      const text = field.string();
      return text === null ? null : BigInt(text);
    }
    case 'DATETIME':
    case 'DATETIME2':
    case 'TIMESTAMP':
    case 'TIMESTAMP2': {
      const text = field.string();
      return text === null ? null : new Date(`${text.replace(' ', 'T')}Z`);
    }
    case 'DATE':
    case 'NEWDATE':
      return field.string();
    default:
      return next();
  }
};

function bindable(value: SqlValue): unknown {
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  if (typeof value === 'bigint') return { toSqlString: () => value.toString() };
  if (Array.isArray(value)) return value.map(bindable);
  return value;
}

function isHeader(value: unknown): value is ResultSetHeader {
  return typeof value === 'object' && value !== null && 'affectedRows' in value && 'serverStatus' in value;
}

function toResult(raw: unknown): SqlResult {
  const rows = Array.isArray(raw) ? (raw as SqlRow[]) : [];
  const header = isHeader(raw) ? raw : undefined;
  // Not enumerable, so that a result compares and prints as the plain list of rows it is.
  Object.defineProperty(rows, 'affected_rows', { value: header?.affectedRows ?? 0 });
  Object.defineProperty(rows, 'insert_id', { value: BigInt(header?.insertId ?? 0) });
  return rows as SqlResult;
}

function kindOf(sql: string): string {
  const word = /^\s*([a-z]+)/i.exec(sql)?.[1]?.toLowerCase() ?? 'other';
  return KINDS.has(word) ? word : 'other';
}
const KINDS: ReadonlySet<string> = new Set(['select', 'insert', 'update', 'delete', 'commit', 'start', 'rollback', 'call', 'replace']);
