import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { endOrphans, identityOf, isRunning, recordProcess } from './identity.ts';

function sleeper() {
  const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  return { child, identity: identityOf(child.pid!)! };
}

test('ends the process that was recorded, and forgets it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pids-'));
  const { child, identity } = sleeper();
  const ended = once(child, 'exit');
  recordProcess(folder, 'server', identity);
  t.deepEqual(await endOrphans(folder), ['server']);
  await ended;
  t.false(isRunning(identity));
  t.false(existsSync(join(folder, 'server.json')));
});

test('never touches a stranger that got the same number', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pids-'));
  const { child, identity } = sleeper();
  t.teardown(() => child.kill('SIGKILL'));
  recordProcess(folder, 'other_start', { ...identity, start_ticks: String(Number(identity.start_ticks) - 1) });
  recordProcess(folder, 'other_boot', { ...identity, boot_id: 'an earlier boot' });
  t.deepEqual(await endOrphans(folder), []);
  t.true(isRunning(identity));
});

test('there is no identity without a process', (t) => {
  t.is(identityOf(2 ** 30), undefined);
});
