// Single SELECTs of several callers in one packet: what is asked in the same turn of the event loop goes out together.
import { StatementTimeout, StoreUnavailable } from './errors.ts';
import type { SqlPool, SqlResult, SqlValue } from './pool.ts';

/** Statements in one packet: answers come when the slowest is done, so these should be quick ones. */
const PACKET_MAX = 64;

interface Read {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly resolve: (result: SqlResult) => void;
  readonly reject: (error: unknown) => void;
}

export class SharedReads {
  readonly #pool: SqlPool;
  readonly #timeout_ms: number;
  #waiting: Read[] = [];

  constructor(pool: SqlPool, timeout_ms: number) {
    this.#pool = pool;
    this.#timeout_ms = timeout_ms;
  }

  read(sql: string, params: readonly SqlValue[]): Promise<SqlResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ sql, params, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#sendAll());
    });
  }

  #sendAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += PACKET_MAX) void this.#send(waiting.slice(start, start + PACKET_MAX));
  }

  async #send(reads: readonly Read[]): Promise<void> {
    try {
      const results = await this.#run(reads);
      reads.forEach(({ resolve }, index) => resolve(results[index]!));
    } catch (error) {
      const lost = error instanceof StoreUnavailable || error instanceof StatementTimeout;
      if (lost || reads.length === 1) for (const { reject } of reads) reject(error);
      // One of them is wrong, and the server does not say which.
      else await Promise.all(reads.map((read) => this.#send([read])));
    }
  }

  async #run(reads: readonly Read[]): Promise<SqlResult[]> {
    const connection = await this.#pool.acquire();
    try {
      const sql = reads.map((read) => read.sql).join(';\n');
      return await this.#pool.runMany(connection, sql, reads.flatMap((read) => read.params), this.#timeout_ms);
    } finally {
      connection.release();
    }
  }
}
