// The database of a service: transactions that are retried, bounded in time and honest about what they don't know.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MikroORM } from '@mikro-orm/mysql';
import type { Log } from '#kit/telemetry/log.ts';
import { CommitUnknown, ContentionError, isContention, StatementTimeout, StoreUnavailable } from './errors.ts';
import { storeMetrics } from './metrics.ts';
import { openOrm, type EntityList } from './orm_bridge.ts';
import { openPool, type SqlPool, type SqlResult, type SqlRow, type SqlValue } from './pool.ts';
import { SharedReads } from './shared_reads.ts';
import { SharedTransactions, type Company } from './shared_transactions.ts';
import { runOnce, type Tx } from './transaction.ts';

export type { SqlResult, SqlRow, SqlValue } from './pool.ts';
export type { Company } from './shared_transactions.ts';
export type { Savepoint, Tx } from './transaction.ts';

export interface DatabaseOptions {
  /** `mysql://user:password@host:3306/name`; `?socket=/path`, `?tls=on` (the host by name, which its certificate has) and `?ca=<PEM>` are understood. */
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
  /** All connections are made before this resolves, and kept: whoever is started for a rush does not make them in it. */
  readonly warm?: boolean;
}

export interface TransactionOptions {
  /** For the whole transaction, waiting for a connection and all statements; each attempt has its own. */
  readonly timeout_ms?: number;
  /** How often it is run in all when it loses a deadlock or a lock wait. */
  readonly attempts?: number;
  /**
   * May share one transaction of the database with others of this moment whose keys are all different. `fn` may be run a
   * second time, and waits for nothing but `tx`. Without effect where a packet has one statement, or entities are in use.
   */
  readonly share?: Company;
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
  /** One quick SELECT, in one packet with those that others ask for at the same moment where the database was opened for that. */
  read<R = SqlRow>(sql: string, params?: readonly SqlValue[]): Promise<SqlResult<R>>;
  /** True when the database answers within the time. Never throws. */
  ping(timeout_ms?: number): Promise<boolean>;
  /** Listens to `Tx.notify`; returns the function that ends it. Only commits of this process are heard. */
  on(name: string, listener: () => void): () => void;
  close(): Promise<void>;
}

/** Connections of a process to its database where its service names no number. */
export const DEFAULT_POOL_SIZE = 10;
const DEFAULT_LOCK_WAIT_S = 5;
const DEFAULT_STATEMENT_MS = 10_000;
const DEFAULT_TRANSACTION_MS = 15_000;
const DEFAULT_ACQUIRE_MS = 3_000;
const DEFAULT_ATTEMPTS = 5;
const RETRY_BASE_MS = 10;
const PING_MS = 1_000;

/** Connects, checks that the server answers, and starts the ORM. Throws StoreUnavailable when it doesn't. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const pool = openPool({
    url: options.url,
    pool_size: options.pool_size ?? DEFAULT_POOL_SIZE,
    service: options.service,
    lock_wait_timeout_s: options.lock_wait_timeout_s ?? DEFAULT_LOCK_WAIT_S,
    acquire_timeout_ms: options.acquire_timeout_ms ?? DEFAULT_ACQUIRE_MS,
    multiple_statements: options.multiple_statements ?? false,
    keep_idle: options.warm ?? false,
  });
  try {
    await connectAll(pool, options);
    const entities = options.entities ?? [];
    const orm = await openOrm(pool.native, entities, new URL(options.url).pathname.slice(1));
    return databaseOver(pool, orm, entities.length > 0, options);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

async function connectAll(pool: SqlPool, { warm = false, pool_size = DEFAULT_POOL_SIZE, statement_timeout_ms = DEFAULT_STATEMENT_MS }: DatabaseOptions): Promise<void> {
  const connections = await Promise.all(Array.from({ length: warm ? pool_size : 1 }, () => pool.acquire()));
  await Promise.all(connections.map((connection) => pool.run(connection, 'SELECT 1', [], statement_timeout_ms).finally(() => connection.release())));
}

function databaseOver(pool: SqlPool, orm: MikroORM, has_entities: boolean, options: DatabaseOptions): Database {
  const { service, log } = options;
  const metrics = storeMetrics(service);
  const statement_ms = options.statement_timeout_ms ?? DEFAULT_STATEMENT_MS;
  const listeners = new Map<string, Set<() => void>>();
  const tell = (name: string) => {
    for (const listener of listeners.get(name) ?? []) listener();
  };
  const parts = { pool, orm: has_entities ? orm : undefined, service, log, statement_ms, multiple_statements: options.multiple_statements ?? false, tell };
  const shared = new SharedTransactions(parts, metrics);
  const alone = async <T>(fn: (tx: Tx) => Promise<T>, { timeout_ms = DEFAULT_TRANSACTION_MS, attempts = DEFAULT_ATTEMPTS }: TransactionOptions): Promise<T> => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await runOnce(parts, fn, timeout_ms);
      } catch (error) {
        if (!isContention(error)) throw error;
        if (tried >= attempts) throw new ContentionError(`still contended after ${attempts} attempts`, { cause: error });
        metrics.retries.inc({});
        // Full jitter: those who met once should not meet again at the same moment.
        await sleep(Math.random() * RETRY_BASE_MS * 2 ** tried);
      }
    }
  };
  const reads = new SharedReads(pool, statement_ms);
  const mayShare = parts.multiple_statements && !has_entities;

  return {
    orm,
    service,
    transaction(fn, transaction_options = {}) {
      const { share, timeout_ms = DEFAULT_TRANSACTION_MS } = transaction_options;
      if (share === undefined || !mayShare) return alone(fn, transaction_options);
      return shared.run(fn, share, timeout_ms, () => alone(fn, transaction_options));
    },
    read<R>(sql: string, params: readonly SqlValue[] = []) {
      return (parts.multiple_statements ? reads.read(sql, params) : this.query(sql, params)) as Promise<SqlResult<R>>;
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

function isWrite(sql: string): boolean {
  return !/^\s*(select|show|explain|describe)\b/i.test(sql);
}
