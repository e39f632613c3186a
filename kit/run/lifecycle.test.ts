import test from 'ava';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Lifecycle, startAll } from './lifecycle.ts';

test('parts stop in reverse order, once, and all of them even when one fails', async (t) => {
  const stopped: string[] = [];
  const lifecycle = new Lifecycle();
  lifecycle.add('store', { stop: () => void stopped.push('store') });
  lifecycle.onStop('bus', () => Promise.reject(new Error('bus is gone')));
  lifecycle.add('server', { stop: async () => void stopped.push('server') });
  const error = await t.throwsAsync(lifecycle.stop(), { instanceOf: AggregateError });
  t.deepEqual(stopped, ['server', 'store']);
  t.regex(String(error.errors[0]), /bus did not stop/);
  await t.throwsAsync(lifecycle.stop());
  t.is(stopped.length, 2);
});

test('a start that fails half-way stops what it had started', async (t) => {
  const stopped: string[] = [];
  const starting = startAll(async (lifecycle) => {
    lifecycle.add('store', { stop: () => void stopped.push('store') });
    throw new Error('port taken');
  });
  await t.throwsAsync(starting, { message: 'port taken' });
  t.deepEqual(stopped, ['store']);
  const service = await startAll(async (lifecycle) => {
    lifecycle.add('x', { stop: () => void stopped.push('x') });
    return { port: 1 };
  });
  t.is(service.port, 1);
  await service.stop();
  t.deepEqual(stopped, ['store', 'x']);
});

/** Runs an entry file written as `start`, and says how it ended. */
async function entry(start: string, signals: NodeJS.Signals[]): Promise<{ code: number | null; output: string }> {
  const lifecycle = new URL('./lifecycle.ts', import.meta.url).href;
  const child = spawn(process.execPath, ['--input-type=module', '-e', `import { runMain } from ${JSON.stringify(lifecycle)};\nawait runMain(${start}, { stop_timeout_ms: 200 });\nconsole.log('ready');`], { stdio: ['ignore', 'pipe', 'pipe'], cwd: fileURLToPath(new URL('../..', import.meta.url)) });
  let output = '';
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (text) => {
      output += String(text);
      if (output.includes('ready')) resolve();
    });
  });
  child.stderr.on('data', (text) => { output += String(text); });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  if (signals.length > 0) await ready;
  for (const signal of signals) child.kill(signal);
  const [code] = await exit;
  return { code, output };
}

const ALIVE = 'setInterval(() => {}, 1000);';

test('a signal stops the service and exits 0', async (t) => {
  const { code, output } = await entry(`async () => { ${ALIVE} return { stop: async () => console.log('drained') }; }`, ['SIGTERM']);
  t.is(code, 0);
  t.regex(output, /drained/);
});

test('a stop that hangs or fails ends in bounded time with 1', async (t) => {
  t.is((await entry(`async () => { ${ALIVE} return { stop: () => new Promise(() => {}) }; }`, ['SIGINT'])).code, 1);
  const failed = await entry(`async () => { ${ALIVE} return { stop: () => Promise.reject(new Error('stuck')) }; }`, ['SIGTERM']);
  t.is(failed.code, 1);
  t.regex(failed.output, /stopping failed/);
});

test('what nobody caught, and a start that fails, are logged and exit 1', async (t) => {
  const uncaught = await entry(`async () => { ${ALIVE} setTimeout(() => { throw new Error('bug for 13812345678'); }, 1); return { stop() {} }; }`, []);
  t.is(uncaught.code, 1);
  t.regex(uncaught.output, /"level":"fatal".*bug for 138\*\*\*\*5678/);
  const rejected = await entry(`async () => { ${ALIVE} setTimeout(() => { Promise.reject(new Error('bug')); }, 1); return { stop() {} }; }`, []);
  t.is(rejected.code, 1);
  const failed = await entry(`async () => { throw new Error('no port'); }`, []);
  t.is(failed.code, 1);
  t.regex(failed.output, /starting failed/);
});
