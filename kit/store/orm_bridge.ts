// Lets MikroORM work on our connections: one pool for the ORM and for raw SQL, and an EntityManager that takes part in
// a transaction which we, not the ORM, begin and end (its own commit can't tell a refused COMMIT from a lost one).
import { CompiledQuery, Kysely, MysqlAdapter, MysqlDialect, MysqlIntrospector, MysqlQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely';
import { MikroORM, type EntityManager, type Options } from '@mikro-orm/mysql';
import type { Pool } from 'mysql2';

export type EntityList = NonNullable<Options['entities']>;

/** Starts the ORM over a pool that exists already. Nothing is discovered: entities are named. */
export async function openOrm(pool: Pool, entities: EntityList, name: string): Promise<MikroORM> {
  return MikroORM.init({
    entities,
    dbName: name,
    driverOptions: new MysqlDialect({ pool: { getConnection: pool.getConnection.bind(pool), end: (done: (error?: unknown) => void) => done() } as never }),
    discovery: { warnWhenNoEntities: false, checkDuplicateTableNames: true },
    timezone: 'Z',
    forceUtcTimezone: true,
    allowGlobalContext: false,
    ensureDatabase: false,
    // The transaction is ours; without this the unit of work would open another one for a flush outside of it.
    implicitTransactions: true,
    debug: false,
  });
}

export type SendSql = (sql: string) => Promise<OrmResult>;
export interface OrmResult {
  readonly rows: unknown[];
  readonly affected_rows?: bigint;
  readonly insert_id?: bigint;
}

/** An EntityManager whose every statement runs on the transaction that `send` belongs to. */
export async function bindEntityManager(orm: MikroORM, send: SendSql): Promise<EntityManager> {
  const bound = new Kysely<unknown>({ dialect: boundDialect(send) });
  const context = await bound.startTransaction().execute();
  const em = orm.em.fork({ clear: true, useContext: false });
  em.setTransactionContext(context);
  return em;
}

function boundDialect(send: SendSql): Dialect {
  return {
    createDriver: () => boundDriver(send),
    createQueryCompiler: () => new MysqlQueryCompiler(),
    createAdapter: () => new MysqlAdapter(),
    createIntrospector: (db) => new MysqlIntrospector(db),
  };
}

function boundDriver(send: SendSql): Driver {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
      const result = await send(query.sql);
      return { rows: result.rows as R[], numAffectedRows: result.affected_rows, insertId: result.insert_id };
    },
    streamQuery() {
      throw new Error('streaming inside a transaction is not supported: read in pages');
    },
  };
  const run = async (sql: string) => void (await connection.executeQuery(CompiledQuery.raw(sql)));
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    // Beginning and ending belong to Database.transaction; a second BEGIN would commit the first.
    beginTransaction: async () => {},
    commitTransaction: async () => {
      throw new Error('only Database.transaction commits');
    },
    rollbackTransaction: async () => {
      throw new Error('only Database.transaction rolls back');
    },
    savepoint: (_, name) => run(`SAVEPOINT ${assertSavepoint(name)}`),
    rollbackToSavepoint: (_, name) => run(`ROLLBACK TO SAVEPOINT ${assertSavepoint(name)}`),
    releaseSavepoint: (_, name) => run(`RELEASE SAVEPOINT ${assertSavepoint(name)}`),
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}

function assertSavepoint(name: string): string {
  if (!/^\w{1,32}$/.test(name)) throw new Error(`not a savepoint name: ${name}`);
  return name;
}
