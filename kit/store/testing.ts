// For tests of kit and of services: a migrated database of one's own, and a connection that can be cut.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { silentLog } from '#kit/telemetry/log.ts';
import { freshDatabase } from '../../test/support/stack.ts';
import { kitTables, type KitTables } from './kit_tables.ts';
import { migrate } from './migrate.ts';
import { openDatabase, type Database, type DatabaseOptions } from './mysql.ts';

export interface TestDatabase {
  readonly db: Database;
  readonly url: string;
  /** Another pool on the same database, as another process would have. */
  another(options?: Partial<DatabaseOptions>): Promise<Database>;
  stop(): Promise<void>;
}

const ALL_TABLES: KitTables = { outbox: true, inbox: true, idempotency: true, lease: true, audit: true };

/** A database with the kit's tables and `more` statements. */
export async function testDatabase(more: readonly string[] = [], options: Partial<DatabaseOptions> = {}): Promise<TestDatabase> {
  const fresh = await freshDatabase();
  const log = silentLog();
  await migrate(fresh.url, [{ name: '0001_test', up: [...kitTables(ALL_TABLES), ...more] }], { log });
  const opened: Database[] = [];
  const another = async (other: Partial<DatabaseOptions> = {}) => {
    const db = await openDatabase({ url: fresh.url, log, service: 'order', ...options, ...other });
    opened.push(db);
    return db;
  };
  const db = await another();
  return {
    db,
    url: fresh.url,
    another,
    async stop() {
      await Promise.all(opened.map((each) => each.close().catch(() => {})));
      await fresh.stop();
    },
  };
}

export interface Proxy {
  readonly port: number;
  /** Breaks every connection and refuses new ones, as a dead server does. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** Swallows what the server answers from now on, as a broken network does. Restored by `cut` and `restore`. */
  swallowAnswers(): void;
  stop(): Promise<void>;
}

/** Stands between a client and a server on this machine. */
export async function startProxy(target_port: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let swallow = false;
  const listen = (port: number) =>
    new Promise<Server>((resolve, reject) => {
      const server = createServer((client) => {
        const upstream = connect(target_port, '127.0.0.1');
        for (const socket of [client, upstream]) {
          sockets.add(socket);
          socket.on('error', () => {});
          socket.on('close', () => {
            sockets.delete(socket);
            client.destroy();
            upstream.destroy();
          });
        }
        client.pipe(upstream);
        upstream.on('data', (data) => void (swallow || client.write(data)));
      });
      server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server));
    });
  let server: Server | undefined = await listen(0);
  const port = (server.address() as AddressInfo).port;
  const cut = async () => {
    const closed = new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    for (const socket of sockets) socket.destroy();
    server = undefined;
    swallow = false;
    await closed;
  };
  return {
    port,
    cut,
    async restore() {
      server ??= await listen(port);
    },
    swallowAnswers() {
      swallow = true;
    },
    stop: cut,
  };
}

/** The same address through a proxy. */
export function through(url: string, proxy: Proxy): string {
  const changed = new URL(url);
  changed.port = String(proxy.port);
  return changed.href;
}

export function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** Waits until a condition holds. The test run's own timeout ends it when it never does. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
