// The database of a service: transactions that are retried, bounded in time and honest about what they don't know.
import { setTimeout as sleep } from 'node:timers/promises';
import type { EntityManager, MikroORM } from '@mikro-orm/mysql';
import type { PoolConnection } from 'mysql2';
import type { Log } from '#kit/telemetry/log.ts';
import { CommitUnknown, ContentionError, isContention, StatementTimeout, StoreUnavailable } from './errors.ts';
import { storeMetrics } from './metrics.ts';
import { bindEntityManager, openOrm, type EntityList } from './orm_bridge.ts';
import { openPool, type SqlPool, type SqlResult, type SqlRow, type SqlValue } from './pool.ts';

export type { SqlResult, SqlRow, SqlValue } from './pool.ts';

export interface DatabaseOptions {
  /** `mysql://user:password@host:3306/name`; `?socket=/path`, `?tls=on` and `?ca=<PEM>` are understood. */
  readonly url: string;
  /** MikroORM 7 entities by `defineEntity`; none for a service that speaks SQL only. */
  readonly entities?: EntityList;
  readonly pool_size?: number;
  readonly log: Log;
  /** Who this is: the label of metrics and the publisher of this database's events. */
  readonly service: string;
  readonly lock_wait_timeout_s?: number;
  readonly statement_timeout_ms?: number;
  readonly acquire_timeout_ms?: number;
  readonly multiple_statements?: boolean;
}

export interface TransactionOptions {
  /** For the whole transaction, waiting for a connection and all statements; each attempt has its own. */
  readonly timeout_ms?: number;
  /** How often it is run in all when it loses a deadlock or a lock wait. */
  readonly attempts?: number;
}

/** One transaction. It is rolled back when the function that got it throws. */
export interface Tx {
  readonly service: string;
  /** The ORM inside this transaction; flushed before the commit. Throws when the database was opened without entities. */
  readonly em: EntityManager;
  /** Aborted when the transaction passes its deadline: pass it to other I/O done meanwhile. */
  readonly signal: AbortSignal;
  /** Rows of a SELECT, or `affected_rows` (rows matched) and `insert_id` of a write. See SqlResult for types. */
  execute<R = SqlRow>(sql: string, params?: readonly SqlValue[]): Promise<SqlResult<R>>;
  /** Several statements in one packet; needs `multiple_statements`. */
  executeMany(sql: string, params?: readonly SqlValue[]): Promise<SqlResult[]>;
  /** Runs after the commit, in order; what it throws is logged. Not called when the outcome is unknown. */
  afterCommit(fn: () => void): void;
  /** Runs last in the transaction, after the flush and just before the commit: for locks to be held shortly. */
  beforeCommit(fn: () => Promise<void>): void;
  /** Tells listeners of `Database.on(name)` after the commit, once a transaction. */
  notify(name: string): void;
}

export interface Database {
  readonly orm: MikroORM;
  readonly service: string;
  /**
   * Runs `fn` in a READ COMMITTED transaction and commits. A deadlock or lock wait runs `fn` again from the start, so it
   * must have no effect outside the transaction. Throws StoreUnavailable (nothing changed), CommitUnknown (may have
   * changed), StatementTimeout, ContentionError (attempts used up), or what `fn` threw; then it was rolled back.
   */
  transaction<T>(fn: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** One autocommitted statement. A write whose connection broke throws CommitUnknown. */
  query<R = SqlRow>(sql: string, params?: readonly SqlValue[], options?: { timeout_ms?: number }): Promise<SqlResult<R>>;
  /** True when the database answers within the time. Never throws. */
  ping(timeout_ms?: number): Promise<boolean>;
  /** Listens to `Tx.notify`; returns the function that ends it. Only commits of this process are heard. */
  on(name: string, listener: () => void): () => void;
  close(): Promise<void>;
}

const DEFAULT_POOL_SIZE = 10;
const DEFAULT_LOCK_WAIT_S = 5;
const DEFAULT_STATEMENT_MS = 10_000;
const DEFAULT_TRANSACTION_MS = 15_000;
const DEFAULT_ACQUIRE_MS = 3_000;
const DEFAULT_ATTEMPTS = 5;
const RETRY_BASE_MS = 10;
const PING_MS = 1_000;
const COMMIT_FLOOR_MS = 1_000;

/** Connects, checks that the server answers, and starts the ORM. Throws StoreUnavailable when it doesn't. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const pool = openPool({
    url: options.url,
    pool_size: options.pool_size ?? DEFAULT_POOL_SIZE,
    service: options.service,
    lock_wait_timeout_s: options.lock_wait_timeout_s ?? DEFAULT_LOCK_WAIT_S,
    acquire_timeout_ms: options.acquire_timeout_ms ?? DEFAULT_ACQUIRE_MS,
    multiple_statements: options.multiple_statements ?? false,
  });
  try {
    const connection = await pool.acquire();
    await pool.run(connection, 'SELECT 1', [], options.statement_timeout_ms ?? DEFAULT_STATEMENT_MS).finally(() => connection.release());
    const entities = options.entities ?? [];
    const orm = await openOrm(pool.native, entities, new URL(options.url).pathname.slice(1));
    return databaseOver(pool, orm, entities.length > 0, options);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

function databaseOver(pool: SqlPool, orm: MikroORM, has_entities: boolean, options: DatabaseOptions): Database {
  const { service, log } = options;
  const metrics = storeMetrics(service);
  const statement_ms = options.statement_timeout_ms ?? DEFAULT_STATEMENT_MS;
  const listeners = new Map<string, Set<() => void>>();
  const tell = (name: string) => {
    for (const listener of listeners.get(name) ?? []) listener();
  };
  const attempt = <T>(fn: (tx: Tx) => Promise<T>, timeout_ms: number) =>
    runOnce({ pool, orm: has_entities ? orm : undefined, service, log, statement_ms, tell }, fn, timeout_ms);

  return {
    orm,
    service,
    async transaction(fn, { timeout_ms = DEFAULT_TRANSACTION_MS, attempts = DEFAULT_ATTEMPTS } = {}) {
      for (let tried = 1; ; tried += 1) {
        try {
          return await attempt(fn, timeout_ms);
        } catch (error) {
          if (!isContention(error)) throw error;
          if (tried >= attempts) throw new ContentionError(`still contended after ${attempts} attempts`, { cause: error });
          metrics.retries.inc({});
          // Full jitter: those who met once should not meet again at the same moment.
          await sleep(Math.random() * RETRY_BASE_MS * 2 ** tried);
        }
      }
    },
    async query<R>(sql: string, params: readonly SqlValue[] = [], { timeout_ms = statement_ms } = {}) {
      const connection = await pool.acquire();
      try {
        return await pool.run<R>(connection, sql, params, timeout_ms);
      } catch (error) {
        const lost = error instanceof StoreUnavailable || error instanceof StatementTimeout;
        if (lost && isWrite(sql)) throw new CommitUnknown('the outcome of a write is unknown', { cause: error });
        throw error;
      } finally {
        connection.release();
      }
    },
    async ping(timeout_ms = PING_MS) {
      try {
        const connection = await pool.acquire(timeout_ms);
        await pool.run(connection, 'SELECT 1', [], timeout_ms).finally(() => connection.release());
        return true;
      } catch {
        return false;
      }
    },
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => void set.delete(listener);
    },
    async close() {
      await orm.close(true);
      await pool.close();
    },
  };
}

interface Parts {
  readonly pool: SqlPool;
  readonly orm: MikroORM | undefined;
  readonly service: string;
  readonly log: Log;
  readonly statement_ms: number;
  readonly tell: (name: string) => void;
}

async function runOnce<T>(parts: Parts, fn: (tx: Tx) => Promise<T>, timeout_ms: number): Promise<T> {
  const deadline = performance.now() + timeout_ms;
  const connection = await begin(parts, deadline);
  const open = openTx(parts, connection, deadline);
  const clock = setTimeout(() => open.expire(timeout_ms), Math.max(1, deadline - performance.now()));
  try {
    const work = (async () => {
      await open.prepare();
      const result = await fn(open.tx);
      await open.finish();
      return result;
    })();
    const result = await Promise.race([work, open.expired]);
    await commit(parts, connection, deadline);
    open.committed();
    return result;
  } catch (error) {
    await rollback(parts, connection, error);
    throw error;
  } finally {
    clearTimeout(clock);
    open.close();
    connection.release();
  }
}

/** A pooled connection may have died while idle; nothing was sent on it yet, so a second one is tried at once. */
async function begin(parts: Parts, deadline: number): Promise<PoolConnection> {
  for (let tried = 1; ; tried += 1) {
    const connection = await parts.pool.acquire();
    try {
      await parts.pool.run(connection, 'START TRANSACTION', [], Math.min(parts.statement_ms, left(deadline)));
      return connection;
    } catch (error) {
      connection.release();
      if (!(error instanceof StoreUnavailable) || tried === 2) throw error;
    }
  }
}

async function commit(parts: Parts, connection: PoolConnection, deadline: number): Promise<void> {
  try {
    // A commit gets a moment even at the end of the deadline: cutting it off would only make its outcome unknown.
    await parts.pool.run(connection, 'COMMIT', [], Math.max(COMMIT_FLOOR_MS, Math.ceil(deadline - performance.now())));
  } catch (error) {
    if (error instanceof StoreUnavailable || error instanceof StatementTimeout) {
      throw new CommitUnknown('the outcome of COMMIT is unknown', { cause: error });
    }
    throw error;
  }
}

async function rollback(parts: Parts, connection: PoolConnection, cause: unknown): Promise<void> {
  const closed = cause instanceof StoreUnavailable || cause instanceof CommitUnknown || cause instanceof StatementTimeout;
  if (closed) return connection.destroy();
  try {
    await parts.pool.run(connection, 'ROLLBACK', [], parts.statement_ms);
  } catch (error) {
    // Closing rolls back as well. What the caller must hear is why the transaction failed, not this.
    parts.log.warn({ error }, 'rollback failed; the connection is closed instead');
    connection.destroy();
  }
}

interface OpenTx {
  readonly tx: Tx;
  readonly expired: Promise<never>;
  prepare(): Promise<void>;
  finish(): Promise<void>;
  committed(): void;
  expire(timeout_ms: number): void;
  close(): void;
}

/** How many callbacks one transaction may register; more is a loop that forgot to stop. */
const MAX_CALLBACKS = 1_000;

function openTx(parts: Parts, connection: PoolConnection, deadline: number): OpenTx {
  const before: (() => Promise<void>)[] = [];
  const after: (() => void)[] = [];
  const names = new Set<string>();
  const aborter = new AbortController();
  let em: EntityManager | undefined;
  let over: Error | undefined;
  let broken: unknown;
  const expired = Promise.withResolvers<never>();
  expired.promise.catch(() => {});

  function budget(): number {
    if (over !== undefined) throw over;
    return Math.min(parts.statement_ms, left(deadline));
  }
  // After a deadlock the server has rolled everything back, and what follows would commit as a torn half. So once such
  // an error came, the transaction can't commit any more, even when `fn` swallowed it.
  async function guarded<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (isContention(error) || error instanceof StoreUnavailable || error instanceof StatementTimeout) broken ??= error;
      throw error;
    }
  }
  function register<T>(list: T[], fn: T): void {
    if (list.length >= MAX_CALLBACKS) throw new Error('too many callbacks in one transaction');
    list.push(fn);
  }
  const tx: Tx = {
    service: parts.service,
    signal: aborter.signal,
    get em() {
      if (em === undefined) throw new Error('this database was opened without entities');
      return em;
    },
    execute: (sql, params = []) => guarded(() => parts.pool.run(connection, sql, params, budget())),
    executeMany: (sql, params = []) => guarded(() => parts.pool.runMany(connection, sql, params, budget())),
    afterCommit: (fn) => register(after, fn),
    beforeCommit: (fn) => register(before, fn),
    notify: (name) => void names.add(name),
  };
  return {
    tx,
    expired: expired.promise,
    async prepare() {
      if (parts.orm === undefined) return;
      em = await bindEntityManager(parts.orm, (sql) => guarded(() => parts.pool.runForOrm(connection, sql, budget())));
    },
    async finish() {
      await em?.flush();
      // A hook may register further ones; the list is bounded.
      for (let index = 0; index < before.length; index += 1) await before[index]?.();
      if (broken !== undefined) throw broken;
    },
    committed() {
      for (const fn of [...after, ...[...names].map((name) => () => parts.tell(name))]) {
        try {
          fn();
        } catch (error) {
          parts.log.error({ error }, 'a callback after commit failed');
        }
      }
    },
    expire(timeout_ms) {
      over = new StatementTimeout(`a transaction took longer than ${timeout_ms} ms`);
      parts.pool.abandon(connection);
      aborter.abort(over);
      expired.reject(over);
    },
    close() {
      over ??= new Error('the transaction is over');
    },
  };
}

function left(deadline: number): number {
  const ms = Math.ceil(deadline - performance.now());
  if (ms <= 0) throw new StatementTimeout('the transaction passed its deadline');
  return ms;
}

function isWrite(sql: string): boolean {
  return !/^\s*(select|show|explain|describe)\b/i.test(sql);
}
