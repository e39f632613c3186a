/** The bases of the ledger: what the same MariaDB commits with one connection, a row at a time and many at a time. */
import { createConnection } from 'mysql2/promise';

export type SqlBase = {
  /** Autocommitted inserts of one row, one after the other: commits a second. */
  singleRows(for_ms: number): Promise<number>;
  /** Autocommitted inserts of so many rows: rows a second. */
  manyRows(for_ms: number, rows_per_insert: number): Promise<number>;
  stop(): Promise<void>;
};

/** About what a hold's row weighs. */
const BODY = 'x'.repeat(100);

export async function openSqlBase(mysql_url: string): Promise<SqlBase> {
  const connection = await createConnection(mysql_url);
  await connection.query('CREATE TABLE IF NOT EXISTS bench_row (id BIGINT NOT NULL PRIMARY KEY, body VARCHAR(120) NOT NULL) ENGINE=InnoDB');
  let id = 0;
  const rate = async (for_ms: number, rows: number, insert: () => Promise<unknown>): Promise<number> => {
    const from_ms = performance.now();
    let inserted = 0;
    while (performance.now() - from_ms < for_ms) {
      await insert();
      inserted += rows;
    }
    return inserted / ((performance.now() - from_ms) / 1000);
  };
  return {
    singleRows: (for_ms) => rate(for_ms, 1, () => connection.execute('INSERT INTO bench_row (id, body) VALUES (?, ?)', [(id += 1), BODY])),
    manyRows: (for_ms, rows) => rate(for_ms, rows, () => connection.query('INSERT INTO bench_row (id, body) VALUES ?', [Array.from({ length: rows }, () => [(id += 1), BODY])])),
    stop: () => connection.end(),
  };
}
