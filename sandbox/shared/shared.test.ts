import { mkdtemp, readdir, readFile, appendFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createExternalClient } from '#kit/external/http.ts';
import type { ExternalClientOptions } from '#kit/external/http.ts';
import { loadOurKeys, loadSandboxKeys, OUTSIDE_SYSTEMS } from '#kit/external/keys.ts';
import { ensureKeys } from '#kit/external/make_keys.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { seededRandom } from '#kit/base/random.ts';
import { Faults, RULE } from './faults.ts';
import { openJournal } from './journal.ts';
import { CALLBACK_KINDS, kindsOf, REQUEST_KINDS, type FaultKind } from './kinds.ts';
import { startSandbox } from './sandbox.ts';
import { startSandboxServer } from './server.ts';

async function scratch(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'chunyun-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function bench(t: ExecutionContext, policy: Partial<ExternalClientOptions> = {}) {
  const dir = await scratch(t);
  const dirs = { signing_keys_dir: join(dir, 'ours'), sandbox_keys_dir: join(dir, 'theirs') };
  await ensureKeys(dirs);
  const faults = new Faults();
  const seen: unknown[] = [];
  const server = await startSandboxServer({
    name: 'realname',
    host: '127.0.0.1',
    port: 0,
    keys: await loadSandboxKeys(dirs.sandbox_keys_dir, 'realname'),
    faults,
    log: silentLog(),
    routes: [{ method: 'POST', path: '/things/:id', signed: true, handle: ({ json, params }) => (seen.push(json), { json: { id: params.id } }) }],
  });
  t.teardown(() => server.stop());
  const url = `http://${server.address}`;
  const keys = await loadOurKeys(dirs.signing_keys_dir, 'realname');
  const client = createExternalClient({ name: 'realname', url, keys, timeout_ms: 300, service: 'test', attempts: 3, backoff: { initial_ms: 1, max_ms: 2 }, ...policy });
  const call = () => client.call({ method: 'POST', path: '/things/7', body: { a: 1 } });
  return { dirs, url, faults, seen, client, call };
}

test('a signed call is answered, an unsigned one refused', async (t) => {
  const { url, seen, call } = await bench(t);
  t.deepEqual(await call(), { ok: true, value: { status: 200, body: { id: '7' } } });
  t.is((await fetch(`${url}/things/7`, { method: 'POST', body: '{}' })).status, 401);
  t.is(seen.length, 1);
});

test('a failure is tried again, with a nonce of its own', async (t) => {
  const { faults, seen, call } = await bench(t);
  faults.add(RULE.parse({ path: '/things/*', kind: 'fail', times: 2 }));
  t.true((await call()).ok);
  t.is(seen.length, 1);
});

test('each fault has its own typed problem', async (t) => {
  const { faults, seen, call } = await bench(t, { attempts: 1, breaker: { failures: 100, half_open_after_ms: 1000 } });
  for (const [kind, problem] of [['fail', 'status'], ['drop', 'unreachable'], ['bad_signature', 'signature'], ['timeout_after_success', 'timeout']] as const) {
    faults.add(RULE.parse({ kind, times: 1 }));
    const outcome = await call();
    t.is(outcome.ok ? 'ok' : outcome.error.problem, problem);
  }
  t.is(seen.length, 2, 'bad_signature and timeout_after_success had their effect');
});

test('the circuit opens after failures in a row and lets a probe through later', async (t) => {
  const { faults, seen, client, call } = await bench(t, { attempts: 1, breaker: { failures: 2, half_open_after_ms: 20 } });
  faults.add(RULE.parse({ kind: 'fail', times: 2 }));
  await call();
  await call();
  t.is(client.breakerState(), 'open');
  t.false(client.available());
  const refused = await call();
  t.is(refused.ok ? 'ok' : refused.error.problem, 'breaker_open');
  t.is(seen.length, 0);
  while (!(await call()).ok) await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(client.breakerState(), 'closed');
  t.true(client.available());
});

test('knobs are set over HTTP', async (t) => {
  const { url, call } = await bench(t, { attempts: 1 });
  const post = (body: unknown) => fetch(`${url}/sandbox/faults`, { method: 'POST', body: JSON.stringify(body) });
  t.is((await post({ rule: { kind: 'NO SUCH' } })).status, 400);
  t.is((await post({ rule: { path: '/things/7', kind: 'fail' } })).status, 200);
  t.false((await call()).ok);
  await fetch(`${url}/sandbox/faults`, { method: 'DELETE' });
  t.true((await call()).ok);
});

test('a system lists the faults it can be told, and refuses others by name', async (t) => {
  const dir = await scratch(t);
  const dirs = { signing_keys_dir: join(dir, 'ours'), sandbox_keys_dir: join(dir, 'theirs') };
  await ensureKeys(dirs);
  const sandbox = await startSandbox('realname', 0, { listen_host: '127.0.0.1', sandbox_keys_dir: dirs.sandbox_keys_dir }, async () => [], { log: silentLog() });
  t.teardown(() => sandbox.stop());
  const path = `${sandbox.url}/sandbox/faults`;
  const { kinds, rules } = (await (await fetch(path)).json()) as { kinds: FaultKind[]; rules: unknown[] };
  t.deepEqual(kinds.map(({ kind }) => kind), ['delay', 'fail', 'drop', 'timeout_after_success', 'bad_signature', 'pending', 'reject']);
  t.deepEqual(rules, []);
  const typo = await fetch(path, { method: 'POST', body: JSON.stringify({ rule: { kind: 'rejected' } }) });
  t.is(typo.status, 400);
  t.regex(await typo.text(), /realname has no fault rejected; it knows delay,.* reject/);
  t.throws(() => sandbox.faults.add(RULE.parse({ kind: 'wrong_amount' })), { message: /no fault/ });
  t.is((await fetch(path, { method: 'POST', body: JSON.stringify({ rule: { kind: 'reject', path: '/v1/<b>' } }) })).status, 200);
  const text = await (await fetch(`${sandbox.url}/sandbox`)).text();
  for (const part of ['<code>pending</code>', '/v1/&lt;b&gt;', '一律核验不通过', 'rejects whoever is asked about']) t.true(text.includes(part), part);
});

test('every fault that a system looks for is listed, and the other way round', async (t) => {
  const root = new URL('../', import.meta.url).pathname;
  for (const system of OUTSIDE_SYSTEMS) {
    const files = (await readdir(join(root, system))).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
    const texts = await Promise.all(files.map((file) => readFile(join(root, system, file), 'utf8')));
    const wanted = texts.flatMap((text) => [...text.matchAll(/(?:faults\.take\([^)]*, |struck\()'([a-z_]+)'\)/g)].map((match) => match[1]!));
    const shared = new Set([...REQUEST_KINDS, ...CALLBACK_KINDS].map(({ kind }) => kind));
    t.deepEqual(kindsOf(system).map(({ kind }) => kind).filter((kind) => !shared.has(kind)).toSorted(), [...new Set(wanted)].filter((kind) => !shared.has(kind)).toSorted(), system);
  }
});

test('a rule strikes by path, times and probability', (t) => {
  const faults = new Faults(seededRandom(1));
  faults.add(RULE.parse({ path: '/a*', kind: 'fail', times: 1 }));
  t.is(faults.take('/b', 'fail'), undefined);
  t.is(faults.take('/a1', 'delay'), undefined);
  t.truthy(faults.take('/a1', 'fail'));
  t.is(faults.take('/a1', 'fail'), undefined);
  faults.add(RULE.parse({ kind: 'drop', probability: 0.3 }));
  const struck = Array.from({ length: 1000 }, () => faults.take('/x', 'drop')).filter((rule) => rule !== undefined).length;
  t.true(struck > 200 && struck < 400, String(struck));
});

test('a journal gives back what it acknowledged and drops a torn end', async (t) => {
  const path = join(await scratch(t), 'deep', 'journal.jsonl');
  const first = await openJournal<number>(path, () => t.fail());
  await Promise.all([1, 2, 3].map((record) => first.append(record)));
  await first.close();
  await appendFile(path, '{"torn":');
  const read: number[] = [];
  const second = await openJournal<number>(path, (record) => read.push(record));
  await second.append(4);
  await second.close();
  t.deepEqual(read, [1, 2, 3]);
  t.is(await readFile(path, 'utf8'), '1\n2\n3\n4\n');
});

test('keys are made once, private ones for nobody else', async (t) => {
  const dir = await scratch(t);
  const dirs = { signing_keys_dir: join(dir, 'ours'), sandbox_keys_dir: join(dir, 'theirs') };
  await Promise.all([ensureKeys(dirs), ensureKeys(dirs)]);
  const before = await readFile(join(dirs.signing_keys_dir, 'chunyun.pem'), 'utf8');
  await ensureKeys(dirs);
  t.is(await readFile(join(dirs.signing_keys_dir, 'chunyun.pem'), 'utf8'), before);
  for (const file of ['chunyun.pem', 'jwt-k0001.pem', 'ticket-k0001.pem']) t.is((await stat(join(dirs.signing_keys_dir, file))).mode & 0o077, 0);
  const [ours, theirs] = [await loadOurKeys(dirs.signing_keys_dir, 'gateway'), await loadSandboxKeys(dirs.sandbox_keys_dir, 'gateway')];
  t.is(ours.sign_key.type, 'private');
  t.is(theirs.peer_key.type, 'public');
});
