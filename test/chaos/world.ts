/**
 * The stores of a stack read from outside: plain SQL, plain Redis and files, through none of the services. What is judged
 * must not be asked whether it is right.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';

/** Where a stack is: its folder below `.run`, and the environment for its tools (scripts/stack/folder.ts). */
export type Place = { folder: string; env: Readonly<Record<string, string>> };

export type Row = Record<string, unknown>;

export type World = {
  place: Place;
  /** Rows as plain values: whole numbers of BIGINT columns as text, times as text in UTC, binary as Buffer. */
  rows<T extends Row = Row>(sql: string, values?: unknown[]): Promise<T[]>;
  hasTable(database: string, table: string): Promise<boolean>;
  redis: Redis;
  /** A document of NATS' monitor. */
  nats<T>(path: string): Promise<T>;
  /** The records of an outside system's journal, oldest first. */
  journal<T>(system: 'gateway' | 'railway' | 'messaging'): T[];
};

const CONNECT_MS = 5_000;

/**
 * Reads the world as it is at one moment: all tables of all databases in one consistent snapshot (the servers are one
 * locally), Redis and the files a moment later.
 */
export async function look<T>(place: Place, see: (world: World) => Promise<T>): Promise<T> {
  const connection = await createConnection({ uri: place.env.MYSQL_ADMIN_URL!, supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, connectTimeout: CONNECT_MS });
  const redis = new Redis(place.env.REDIS_URL!, { maxRetriesPerRequest: 5, connectTimeout: CONNECT_MS });
  redis.on('error', () => {});
  try {
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    return await see(worldOver(place, connection, redis));
  } finally {
    redis.disconnect();
    connection.destroy();
  }
}

function worldOver(place: Place, connection: Connection, redis: Redis): World {
  const rows = async <T extends Row>(sql: string, values: unknown[] = []): Promise<T[]> => (await connection.query<RowDataPacket[]>(sql, values))[0] as unknown as T[];
  return {
    place,
    rows,
    redis,
    async hasTable(database, table) {
      return (await rows('SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?', [database, table])).length > 0;
    },
    async nats<T>(path: string) {
      const answer = await fetch(`${place.env.NATS_MONITOR_URL!}${path}`);
      return (await answer.json()) as T;
    },
    journal<T>(system: string) {
      const path = join(place.folder, 'sandbox', `${system}.jsonl`);
      if (!existsSync(path)) return [];
      const text = readFileSync(path, 'utf8');
      // A torn last line was never acknowledged.
      return text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as T);
    },
  };
}
