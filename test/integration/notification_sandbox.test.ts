import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createExternalClient } from '#kit/external/http.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { freePort } from '../../scripts/stack/ports.ts';
import { until } from './identity_world.ts';

const MAIN = new URL('../../sandbox/messaging/main.ts', import.meta.url).pathname;

test('what a provider acknowledged it still has after it was killed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'chunyun-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const dirs = { signing_keys_dir: join(folder, 'keys'), sandbox_keys_dir: join(folder, 'sandbox_keys') };
  await ensureKeys(dirs);
  const http_port = await freePort();
  const url = `http://127.0.0.1:${http_port}`;
  const env = { PATH: process.env.PATH, LOG_LEVEL: 'fatal', SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, SANDBOX_DATA_DIR: join(folder, 'data'), MESSAGING_HTTP_PORT: String(http_port) };
  const client = createExternalClient({ name: 'messaging', url, keys: await loadOurKeys(dirs.signing_keys_dir, 'messaging'), timeout_ms: 5000, attempts: 1, service: 'test', breaker: { failures: 1000, half_open_after_ms: 1 } });
  const first = await run(t, env, url);

  const acknowledged: string[] = [];
  let sent = 0;
  const senders = Array.from({ length: 8 }, async () => {
    while (sent < 100_000) {
      sent += 1;
      const message_id = String(sent);
      const outcome = await client.call({ method: 'POST', path: '/v1/sms/primary/messages', body: { message_id, recipient: '13800138000', title: '', body: 'text' } });
      if (!outcome.ok) return;
      acknowledged.push(message_id);
      if (acknowledged.length === 100) first.kill('SIGKILL');
    }
  });
  await Promise.all(senders);
  t.true(acknowledged.length >= 100 && acknowledged.length < 100_000);

  await run(t, env, url);
  const { messages } = (await (await fetch(`${url}/inbox`)).json()) as { messages: Array<{ message_id: string }> };
  const known = new Set(messages.map(({ message_id }) => message_id));
  t.deepEqual(acknowledged.filter((message_id) => !known.has(message_id)), []);
});

async function run(t: ExecutionContext, env: NodeJS.ProcessEnv, url: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN], { env, stdio: 'inherit' });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await until(() => fetch(`${url}/healthz`).then((response) => response.ok, () => false));
  return child;
}
