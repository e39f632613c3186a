/** One UPDATE of many rows that get values of their own. */
import type { SqlValue } from './pool.ts';

export type SqlPart = { sql: string; params: SqlValue[] };

/**
 * The value of a column for each of the rows: `key` is an expression that names a row, `keys` its values and `values` what
 * goes with each, in the same order. To be used as `SET column = …` of an UPDATE whose WHERE names the same rows.
 */
export function eachRow(key: string, keys: readonly SqlValue[], values: readonly SqlValue[]): SqlPart {
  if (keys.length !== values.length || keys.length === 0) throw new RangeError('every row has one value');
  const [first] = values;
  // What is the same for all need not be looked up.
  if (values.every((value) => isSame(value, first))) return { sql: '?', params: [first] };
  return { sql: `ELT(FIELD(${key}, ?), ?)`, params: [[...keys], values.map((value) => value ?? null)] };
}

/** `SET` parts of several columns, in order. */
export function assignments(columns: Readonly<Record<string, SqlPart>>): SqlPart {
  const parts = Object.entries(columns);
  return { sql: parts.map(([column, { sql }]) => `${column} = ${sql}`).join(', '), params: parts.flatMap(([, { params }]) => params) };
}

function isSame(left: SqlValue, right: SqlValue): boolean {
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  return left === right || (left ?? null) === (right ?? null);
}
