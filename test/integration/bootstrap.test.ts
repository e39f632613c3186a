/** The way in, tried on a copy of its own: what it installs is told by the lock, what it runs gets words, signals and codes. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ROOT } from '../../scripts/tools/paths.ts';
import { eventually } from '../support/processes.ts';

const ENTRY = `
const [what, ...args] = process.argv.slice(2);
if (what === 'words') console.log(JSON.stringify(args));
if (what === 'code') process.exitCode = 7;
if (what === 'signals') {
  let interrupts = 0;
  process.on('SIGINT', () => { interrupts++; console.log('interrupted'); });
  process.on('SIGTERM', () => { console.log(interrupts); process.exit(0); });
  setInterval(() => {}, 1000);
  console.log('listening');
}
`;

/** A checkout with nothing in it but the bootstrap and one command; its npm is a script of ours. */
function checkout(npm: string): { folder: string; env: NodeJS.ProcessEnv } {
  const folder = mkdtempSync(join(tmpdir(), 'boot strap-'));
  mkdirSync(join(folder, 'scripts'));
  mkdirSync(join(folder, 'bin'));
  copyFileSync(join(ROOT, 'bootstrap.mjs'), join(folder, 'bootstrap.mjs'));
  writeFileSync(join(folder, 'scripts', 'demo.ts'), ENTRY);
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0', optional: true } } }));
  writeFileSync(join(folder, 'bin', 'npm'), `#!/bin/sh\necho called >> npm-calls\n${npm}\n`);
  chmodSync(join(folder, 'bin', 'npm'), 0o755);
  return { folder, env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, LC_ALL: 'C.UTF-8', npm_execpath: '' } };
}

const GOOD_NPM = `mkdir -p node_modules/.bin && ln -sf '${process.execPath}' node_modules/.bin/node && echo '{"packages":{"node_modules/a":{"version":"1.0.0"}}}' > node_modules/.package-lock.json`;

function run({ folder, env }: ReturnType<typeof checkout>, ...args: string[]) {
  return spawnSync('node', [join(folder, 'bootstrap.mjs'), ...args], { cwd: folder, env, encoding: 'utf8' });
}

function calls({ folder }: ReturnType<typeof checkout>): number {
  const path = join(folder, 'npm-calls');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0;
}

test('installs what is missing once, again when the lock moved on, and hands on words and exit codes', (t) => {
  const place = checkout(GOOD_NPM);
  const words = ['a b', '--x=1', "it's", '*'];
  t.is(run(place, 'demo', 'words', ...words).stdout, `${JSON.stringify(words)}\n`);
  t.is(run(place, 'demo', '--', 'words', '--', '-h').stdout, '["--","-h"]\n');
  t.is(run(place, 'demo', 'code').status, 7);
  t.is(calls(place), 1);
  writeFileSync(join(place.folder, 'package-lock.json'), JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.1' } } }));
  run(place, 'demo', 'code');
  t.is(calls(place), 2);
});

test('two commands at the same moment install once', async (t) => {
  const place = checkout(`sleep 1; ${GOOD_NPM}`);
  const both = [1, 2].map(() => spawn('node', [join(place.folder, 'bootstrap.mjs'), 'demo', 'code'], { cwd: place.folder, env: place.env, stdio: 'ignore' }));
  const ends = await Promise.all(both.map((child) => once(child, 'exit')));
  t.deepEqual(ends, [[7, null], [7, null]]);
  t.is(calls(place), 1);
});

test('a failed installation is told in words and runs nothing', (t) => {
  const place = checkout('echo no network >&2; exit 3');
  const { status, stdout, stderr } = run(place, 'demo', 'words');
  t.is(status, 1);
  t.is(stdout, '');
  t.regex(stderr, /npm ci failed \(exit code 3\)/);
});

test('an unknown command is told in words', (t) => {
  const place = checkout(GOOD_NPM);
  for (const command of ['nope', '../demo', 'demo.ts']) {
    const { status, stderr } = run(place, command);
    t.is(status, 1);
    t.regex(stderr, /^usage: /);
  }
});

test('one Ctrl-C, told by the terminal and by npm, arrives once; ending one process ends the other', async (t) => {
  const place = checkout(GOOD_NPM);
  mkdirSync(join(place.folder, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(process.execPath, join(place.folder, 'node_modules', '.bin', 'node'));
  const child = spawn('node', [join(place.folder, 'bootstrap.mjs'), 'demo', 'signals'], { cwd: place.folder, env: place.env, stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  await eventually(() => output.includes('listening'));
  child.kill('SIGINT');
  child.kill('SIGINT');
  // Signals that wait at the same moment have no order.
  await eventually(() => output.includes('interrupted'));
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'exit'), [0, null]);
  await eventually(() => /^\d$/m.test(output));
  t.is(output, 'listening\ninterrupted\n1\n');
});
