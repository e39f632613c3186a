import { mkdtempSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isFree, LOOPBACK, openPortBook } from './ports.ts';

function path(): string {
  return join(mkdtempSync(join(tmpdir(), 'ports-')), 'ports.json');
}

test('a name keeps its port over restarts, and no two names share one', async (t) => {
  const file = path();
  const book = openPortBook(file);
  // The same first choice for everybody.
  const same = openPortBook(file, undefined, sequence([0.5, 0.5, 0.6, 0.5, 0.6, 0.7]));
  const ports = [await same.port('a'), await same.port('b'), await same.port('c')];
  t.is(new Set(ports).size, 3);
  t.is(await openPortBook(file).port('b'), ports[1]!);
  t.deepEqual(book.all(), {});
});

test('a taken port is replaced, and that is told', async (t) => {
  const file = path();
  const port = await openPortBook(file).port('redis');
  const server = createServer().listen(port, LOOPBACK);
  await once(server, 'listening');
  t.false(await isFree(port));
  const told: string[] = [];
  t.not(await openPortBook(file, (english) => told.push(english)).port('redis'), port);
  t.is(told.length, 1);
  server.close();
});

test('a broken file is as good as none', async (t) => {
  const file = path();
  writeFileSync(file, '{"redis": ');
  t.true((await openPortBook(file).port('redis')) > 1024);
});

function sequence(values: number[]): () => number {
  let at = 0;
  return () => values[at++] ?? at / 1000;
}
