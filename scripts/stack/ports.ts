/** Loopback ports of a stack: chosen free at its first start, kept, and chosen anew when somebody else took one since. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { quiet, type Say } from '../say.ts';

export const LOOPBACK = '127.0.0.1';

/** Below the range that the kernel gives to outgoing connections, which could take a port while its server restarts. */
const PORT_FIRST = 15_000;
const PORT_LAST = 32_000;
const TRIES_MAX = 2_000;

export type PortBook = {
  /** The port of a name; free at this moment unless it is already in use under this name by us. */
  port(name: string): Promise<number>;
  all(): Record<string, number>;
};

/** The ports kept in a file; without a path they are only remembered. */
export function openPortBook(path: string | undefined, tell: Say = quiet, random: () => number = Math.random): PortBook {
  const kept = path === undefined ? {} : readPorts(path);
  const given = new Map<string, number>();

  async function port(name: string): Promise<number> {
    const already = given.get(name);
    if (already !== undefined) return already;
    const old = kept[name];
    const taken = new Set([...given.values(), ...Object.entries(kept).filter(([other]) => other !== name).map(([, number]) => number)]);
    const chosen = old !== undefined && (await isFree(old)) ? old : await freePort(taken, random);
    if (old !== undefined && chosen !== old) tell(`port ${old} of ${name} is taken by another program; using ${chosen}`, `${name} 的端口 ${old} 已被其他程序占用，改用 ${chosen}`);
    given.set(name, chosen);
    kept[name] = chosen;
    if (path !== undefined) writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`);
    return chosen;
  }
  return { port, all: () => Object.fromEntries(given) };
}

/** A port nobody listens on now. */
export async function freePort(taken: ReadonlySet<number> = new Set(), random: () => number = Math.random): Promise<number> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const port = PORT_FIRST + Math.floor(random() * (PORT_LAST - PORT_FIRST));
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new Error(`no free port between ${PORT_FIRST} and ${PORT_LAST}`);
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function readPorts(path: string): Record<string, number> {
  try {
    const ports = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>;
    return Object.fromEntries(Object.entries(ports).filter(([, port]) => Number.isInteger(port)));
  } catch {
    return {};
  }
}
