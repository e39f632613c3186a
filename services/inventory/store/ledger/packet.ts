import type { SqlResult, SqlValue, Tx } from '#kit/store/mysql.ts';

/** Statements that travel in one packet: a tick costs a round trip, not one for each statement. */
export class Packet {
  readonly #statements: string[] = [];
  readonly #params: SqlValue[] = [];

  /** The place of the statement's result in the answer. */
  add(sql: string, params: readonly SqlValue[]): number {
    this.#params.push(...params);
    return this.#statements.push(sql) - 1;
  }

  async send(tx: Tx): Promise<SqlResult[]> {
    return tx.executeMany(this.#statements.join(';\n'), this.#params);
  }
}

/** `(?, ?), (?, ?)` for as many rows. */
export function valuesOf(row: string, count: number): string {
  return Array.from({ length: count }, () => row).join(', ');
}
