import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { lockFile } from './filelock.ts';

function path(): string {
  return join(mkdtempSync(join(tmpdir(), 'lock-')), 'some', 'lock');
}

test('one holder at a time; the next gets it when the first lets go', async (t) => {
  const file = path();
  const first = await lockFile(file, { wait: false });
  t.truthy(first);
  t.is(await lockFile(file, { wait: false }), undefined);
  let waited = false;
  const second = lockFile(file, { wait: true, onWait: () => (waited = true) });
  while (!waited) await new Promise((resolve) => setImmediate(resolve));
  await first!.release();
  t.truthy(await second);
  await (await second)!.release();
  const third = await lockFile(file, { wait: false });
  t.truthy(third, 'whoever waited for the release finds the lock free');
  await third!.release();
});

test('a holder that is killed holds nothing', async (t) => {
  const file = path();
  const code = `import { lockFile } from ${JSON.stringify(join(import.meta.dirname, 'filelock.ts'))}; await lockFile(${JSON.stringify(file)}, { wait: false }); console.log('held'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  t.is(await lockFile(file, { wait: false }), undefined);
  holder.kill('SIGKILL');
  const next = await lockFile(file, { wait: true });
  t.truthy(next);
  await next!.release();
});
