// One transaction: what its user sees of it (Tx), how it is begun, committed or given up, and what is known then.
import { DriverException, type EntityManager, type MikroORM } from '@mikro-orm/mysql';
import type { PoolConnection } from 'mysql2';
import type { Log } from '#kit/telemetry/log.ts';
import { CommitUnknown, isContention, StatementTimeout, StoreUnavailable } from './errors.ts';
import { Hooks, type Statement } from './hooks.ts';
import { bindEntityManager } from './orm_bridge.ts';
import type { SqlPool, SqlResult, SqlRow, SqlValue } from './pool.ts';

/** One transaction. It is rolled back when the function that got it throws. */
export interface Tx {
  readonly service: string;
  /** The ORM inside this transaction; flushed before the commit. Throws when the database was opened without entities. */
  readonly em: EntityManager;
  /** Aborted when the transaction passes its deadline: pass it to other I/O done meanwhile. */
  readonly signal: AbortSignal;
  /** The transaction of the database: this one, or the one that this one shares with others (see Company). */
  readonly whole: Tx;
  /** Rows of a SELECT, or `affected_rows` (rows matched) and `insert_id` of a write. See SqlResult for types. */
  execute<R = SqlRow>(sql: string, params?: readonly SqlValue[]): Promise<SqlResult<R>>;
  /**
   * A write whose outcome nobody asks for: it goes out in one packet with the next statement, or with COMMIT, where the
   * database was opened for that, and at once elsewhere. Only for what can fail by contention or a bug alone, since its
   * error is then that of the statement it went with.
   */
  later(sql: string, params?: readonly SqlValue[]): Promise<void>;
  /** Several statements in one packet; needs `multiple_statements`. */
  executeMany(sql: string, params?: readonly SqlValue[]): Promise<SqlResult[]>;
  /** Runs after the commit, in order; what it throws is logged. Not called when the outcome is unknown. */
  afterCommit(fn: () => void): void;
  /** Runs last in the transaction, after the flush and just before the commit: for locks to be held shortly. */
  beforeCommit(fn: () => Promise<void>): void;
  /**
   * Statements after everything else, in one packet with COMMIT where the database was opened for that: the locks they
   * take are held for the commit alone. Asked for when the transaction ends.
   */
  withCommit(statements: () => Statement[]): void;
  /** Tells listeners of `Database.on(name)` after the commit, once a transaction. */
  notify(name: string): void;
  /** A point to come back to. Coming back also takes back what was registered above, and empties `em`. */
  savepoint(): Promise<Savepoint>;
  /** Called when the transaction comes back to a savepoint made before this: for state kept outside of it. */
  onUndo(fn: () => void): void;
}

export interface Savepoint {
  /** Undoes what was done since; the transaction goes on. */
  rollback(): Promise<void>;
}

/** What a commit gets even at the end of the deadline. */
const COMMIT_FLOOR_MS = 1_000;
/** One for all, since making an error takes as long as some statements. */
const TRANSACTION_OVER = new Error('the transaction is over');
/** Writes that wait for the next statement; more would make one packet too large. */
const WAITING_MAX = 100;

export interface Parts {
  readonly pool: SqlPool;
  readonly orm: MikroORM | undefined;
  readonly service: string;
  readonly log: Log;
  readonly statement_ms: number;
  readonly multiple_statements: boolean;
  readonly tell: (name: string) => void;
}

/** Runs `fn` in one transaction, once. See Database.transaction for what it throws. */
export async function runOnce<T>(parts: Parts, fn: (tx: Tx) => Promise<T>, timeout_ms: number): Promise<T> {
  const deadline = performance.now() + timeout_ms;
  const { connection, begun } = await begin(parts, deadline);
  const open = openTx(parts, connection, begun, deadline);
  const clock = setTimeout(() => open.expire(timeout_ms), Math.max(1, deadline - performance.now()));
  try {
    const work = (async () => {
      await open.prepare();
      const result = await fn(open.tx);
      await open.finish();
      return result;
    })();
    const result = await Promise.race([work, open.expired]);
    await commit(parts, connection, open.last(), deadline);
    open.committed();
    return result;
  } catch (caught) {
    const error = open.cause(caught);
    await rollback(parts, connection, error);
    throw error;
  } finally {
    clearTimeout(clock);
    open.close();
    connection.release();
  }
}

const BEGIN = 'START TRANSACTION';

/**
 * A pooled connection may have died while idle; nothing was sent on it yet, so a second one is tried at once. One that
 * answered just now begins with its first statement, in the same packet.
 */
async function begin(parts: Parts, deadline: number): Promise<{ connection: PoolConnection; begun: boolean }> {
  for (let tried = 1; ; tried += 1) {
    const connection = await parts.pool.acquire();
    if (parts.multiple_statements && parts.orm === undefined && parts.pool.isWarm(connection)) return { connection, begun: false };
    try {
      await parts.pool.run(connection, BEGIN, [], Math.min(parts.statement_ms, left(deadline)));
      return { connection, begun: true };
    } catch (error) {
      connection.release();
      if (!(error instanceof StoreUnavailable) || tried === 2) throw error;
    }
  }
}

async function commit(parts: Parts, connection: PoolConnection, last: readonly Statement[], deadline: number): Promise<void> {
  // An error of a statement before it means that the server has not come to COMMIT.
  const sql = [...last.map((statement) => statement.sql), 'COMMIT'].join(';\n');
  try {
    // A commit gets a moment even at the end of the deadline: cutting it off would only make its outcome unknown.
    await parts.pool.run(connection, sql, last.flatMap(({ params }) => params), Math.max(COMMIT_FLOOR_MS, Math.ceil(deadline - performance.now())));
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
  /** What is still to be sent with COMMIT. */
  last(): Statement[];
  committed(): void;
  /** What a statement failed with, where the ORM has wrapped that into an error of its own. */
  cause(error: unknown): unknown;
  expire(timeout_ms: number): void;
  close(): void;
}

function openTx(parts: Parts, connection: PoolConnection, begun: boolean, deadline: number): OpenTx {
  const hooks = new Hooks();
  const aborter = new AbortController();
  const expired = Promise.withResolvers<never>();
  expired.promise.catch(() => {});
  let em: EntityManager | undefined;
  let over: Error | undefined;
  let broken: unknown;
  // What goes out with the next statement: BEGIN, and writes that nobody waits for.
  let waiting: Statement[] = begun ? [] : [{ sql: BEGIN, params: [] }];

  // After a deadlock the server has rolled everything back, and what follows would commit as a torn half. So once such
  // an error came, the transaction can't commit any more, even when `fn` swallowed it.
  async function guarded<T>(call: (timeout_ms: number) => Promise<T>): Promise<T> {
    if (over !== undefined) throw over;
    try {
      return await call(Math.min(parts.statement_ms, left(deadline)));
    } catch (error) {
      if (isContention(error) || error instanceof StoreUnavailable || error instanceof StatementTimeout) broken ??= error;
      throw error;
    }
  }
  /** Forgets what waits behind a statement, or all that waits; false when the statement was sent already. */
  function takeBack(sql: string): boolean {
    const index = waiting.findIndex((statement) => statement.sql === sql);
    waiting.length = index + 1;
    return index >= 0;
  }
  async function sendMany(sql: string, params: readonly SqlValue[]): Promise<SqlResult[]> {
    const first = waiting;
    waiting = [];
    const text = [...first.map((statement) => statement.sql), sql].join(';\n');
    const results = await guarded((timeout_ms) => parts.pool.runMany(connection, text, [...first.flatMap((statement) => statement.params), ...params], timeout_ms));
    return results.slice(first.length);
  }
  async function sendOne<R>(sql: string, params: readonly SqlValue[]): Promise<SqlResult<R>> {
    if (waiting.length > 0) return (await sendMany(sql, params))[0] as SqlResult<R>;
    return guarded((timeout_ms) => parts.pool.run(connection, sql, params, timeout_ms));
  }
  const tx: Tx = {
    service: parts.service,
    signal: aborter.signal,
    get whole() { return tx; },
    get em() {
      if (em === undefined) throw new Error('this database was opened without entities');
      return em;
    },
    execute: (sql, params = []) => sendOne(sql, params),
    executeMany: (sql, params = []) => sendMany(sql, params),
    async later(sql, params = []) {
      if (!parts.multiple_statements) return void (await sendOne(sql, params));
      if (over !== undefined) throw over;
      waiting.push({ sql, params });
      if (waiting.length >= WAITING_MAX) await sendMany('DO 0', []);
    },
    afterCommit: (fn) => hooks.after(fn),
    beforeCommit: (fn) => hooks.before(fn),
    withCommit: (statements) => hooks.last(statements),
    notify: (name) => hooks.notify(name),
    onUndo: (fn) => hooks.undo(fn),
    savepoint: () => makeSavepoint(tx, hooks, em, takeBack),
  };
  return {
    tx,
    expired: expired.promise,
    async prepare() {
      em = parts.orm && await bindEntityManager(parts.orm, async (sql) => {
        if (waiting.length > 0) await sendMany('DO 0', []);
        return guarded((timeout_ms) => parts.pool.runForOrm(connection, sql, timeout_ms));
      });
    },
    async finish() {
      await em?.flush();
      await hooks.runBefore();
      if (!parts.multiple_statements) for (const { sql, params } of hooks.lastStatements()) await tx.execute(sql, params);
      if (broken !== undefined) throw broken;
    },
    last: () => (parts.multiple_statements ? [...waiting.splice(0), ...hooks.lastStatements()] : []),
    cause: (error) => (error instanceof DriverException && broken !== undefined ? broken : error),
    committed: () => hooks.runAfter(parts.tell, (error) => parts.log.error({ error }, 'a callback after commit failed')),
    expire(timeout_ms) {
      over = new StatementTimeout(`a transaction took longer than ${timeout_ms} ms`);
      parts.pool.abandon(connection);
      aborter.abort(over);
      expired.reject(over);
    },
    close() {
      over ??= TRANSACTION_OVER;
    },
  };
}

let savepoints = 0;

async function makeSavepoint(tx: Tx, hooks: Hooks, em: EntityManager | undefined, takeBack: (sql: string) => boolean): Promise<Savepoint> {
  await em?.flush();
  savepoints = (savepoints + 1) % 1_000_000;
  const name = `kit_${savepoints}`;
  const mark = hooks.mark();
  const sql = `SAVEPOINT ${name}`;
  await tx.later(sql);
  return {
    async rollback() {
      if (!takeBack(sql)) await tx.execute(`ROLLBACK TO ${sql}`);
      hooks.restore(mark);
      em?.clear();
    },
  };
}

function left(deadline: number): number {
  const ms = Math.ceil(deadline - performance.now());
  if (ms <= 0) throw new StatementTimeout('the transaction passed its deadline');
  return ms;
}
