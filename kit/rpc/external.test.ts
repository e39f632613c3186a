import test from 'ava';
import { FailureError } from '#kit/base/result.ts';
import { registry } from '#kit/telemetry/metrics.ts';
import { createPolicy, TerminalError } from './external.ts';

const QUICK = { timeout_ms: 10_000, attempts: 3, backoff: { initial_ms: 1, max_ms: 2 }, breaker: { failures: 100, half_open_after_ms: 5 } };

test('a failing call is repeated as often as allowed, then the system counts as unavailable', async (t) => {
  const policy = createPolicy({ ...QUICK, name: 'repeated', service: 'test' });
  const attempts: number[] = [];
  const error = await t.throwsAsync(policy.execute(async ({ attempt }) => { attempts.push(attempt); throw new Error('reset'); }), { instanceOf: FailureError });
  t.deepEqual(attempts, [1, 2, 3]);
  t.is(error.failure.reason, 'DEPENDENCY_UNAVAILABLE');
  t.is((error.cause as Error).message, 'reset');
  t.is(await policy.execute(async ({ attempt }) => { if (attempt < 3) throw new Error('reset'); return attempt; }), 3);
  const text = await registry.metrics();
  t.regex(text, /external_retries_total\{service="test",system="repeated"\} 4/);
  t.regex(text, /external_calls_total\{service="test",system="repeated",outcome="error"\} 1/);
});

test('a refusal is final', async (t) => {
  const policy = createPolicy({ ...QUICK, name: 'refusing', breaker: { failures: 1, half_open_after_ms: 60_000 } });
  let calls = 0;
  const refuse = async (): Promise<never> => { calls += 1; throw new TerminalError('no such card'); };
  await t.throwsAsync(policy.execute(refuse), { instanceOf: TerminalError });
  await t.throwsAsync(policy.execute(refuse), { instanceOf: TerminalError });
  t.is(calls, 2);
  t.is(policy.state(), 'closed');
});

test('each attempt has its own time, and its signal says when it is over', async (t) => {
  const policy = createPolicy({ ...QUICK, name: 'silent', timeout_ms: 5, attempts: 2 });
  let aborted = 0;
  await t.throwsAsync(policy.execute(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => { aborted += 1; reject(new Error('over')); }))), { instanceOf: FailureError });
  t.is(aborted, 2);
});

test('the breaker opens after failures in a row, and closes when a later call succeeds', async (t) => {
  const policy = createPolicy({ ...QUICK, name: 'breaking', service: 'test', attempts: 1, breaker: { failures: 2, half_open_after_ms: 1 } });
  const broken = createPolicy({ ...QUICK, name: 'broken', attempts: 1, breaker: { failures: 2, half_open_after_ms: 3_600_000 } });
  let calls = 0;
  const failing = async (): Promise<never> => { calls += 1; throw new Error('down'); };
  for (let call = 0; call < 4; call += 1) await t.throwsAsync(broken.execute(failing), { instanceOf: FailureError });
  t.is(calls, 2);
  t.is(broken.state(), 'open');
  for (let call = 0; call < 2; call += 1) await t.throwsAsync(policy.execute(failing), { instanceOf: FailureError });
  t.is(policy.state(), 'open');
  while ((await policy.execute(async () => 'up').catch(() => undefined)) !== 'up') await new Promise((resolve) => setImmediate(resolve));
  t.is(policy.state(), 'closed');
});

test('an aborted signal ends the retries', async (t) => {
  const policy = createPolicy({ ...QUICK, name: 'aborted', attempts: 1000, backoff: { initial_ms: 1, max_ms: 1 } });
  const stop = new AbortController();
  let calls = 0;
  await t.throwsAsync(policy.execute(async () => { calls += 1; if (calls === 3) stop.abort(); throw new Error('down'); }, stop.signal), { instanceOf: FailureError });
  t.true(calls <= 4);
});

test('what operators set holds from the next call on, and the breaker remembers over it', async (t) => {
  const set = { timeout_ms: 60_000, attempts: 1 };
  const policy = createPolicy({ ...QUICK, name: 'tuned', breaker: { failures: 4, half_open_after_ms: 3_600_000 }, tuned: () => ({ ...set }) });
  let calls = 0;
  const failing = async (): Promise<never> => { calls += 1; throw new Error('down'); };
  await t.throwsAsync(policy.execute(failing), { instanceOf: FailureError });
  t.is(calls, 1, 'fewer tries than the three of the program');
  set.attempts = 2;
  await t.throwsAsync(policy.execute(failing), { instanceOf: FailureError });
  t.is(calls, 3);
  set.timeout_ms = 5;
  set.attempts = 1;
  await t.throwsAsync(policy.execute(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('over'))))), { instanceOf: FailureError });
  t.is(policy.state(), 'open', 'the fourth failure in a row, whatever was set in between');
});
