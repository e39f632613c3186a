import test, { type ExecutionContext } from 'ava';
import { rank } from '#kit/base/hash.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { createClient } from './client.ts';
import { RpcError } from './error.ts';
import { implement } from './implement.ts';
import { startServer, type RunningServer } from './server.ts';
import { Echo } from './testing/echo.ts';
import { ECHOING } from './testing/serving.ts';

/** A process that answers with its own address. */
async function startProcess(t: ExecutionContext, port = 0): Promise<RunningServer> {
  const server: RunningServer = await startServer({
    service: 'test', port, log: silentLog(), auth: {},
    implementations: [implement(Echo, { ...ECHOING, say: () => ({ value: server.address }), write: () => ({ value: server.address }) })],
  });
  t.teardown(() => server.stop());
  return server;
}

function clientOf(t: ExecutionContext, address: string | readonly string[]) {
  const client = createClient(Echo, { address, service: 'order', default_timeout_ms: 10_000 });
  t.teardown(() => client.close());
  return client;
}

const KEYS = Array.from({ length: 64 }, (_, bucket) => String(bucket));

test('all calls of a key meet in the process that everybody would pick', async (t) => {
  const processes = await Promise.all([startProcess(t), startProcess(t), startProcess(t)]);
  const addresses = processes.map(({ address }) => address);
  const [one, other] = [clientOf(t, addresses), clientOf(t, addresses.toReversed())];
  for (const route_key of KEYS) {
    const picked = rank(route_key, addresses)[0]!;
    t.is((await one.write({ value: '' }, { route_key })).value, picked);
    t.is((await other.say({ value: '' }, { route_key })).value, picked);
  }
});

test('calls without a key go to each in turn', async (t) => {
  const addresses = (await Promise.all([startProcess(t), startProcess(t), startProcess(t)])).map(({ address }) => address);
  const client = clientOf(t, addresses);
  const counts = new Map<string, number>();
  for (let call = 0; call < 30; call += 1) {
    const { value } = await client.say({ value: '' });
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  t.deepEqual([...counts.values()], [10, 10, 10]);
});

test('the next in rank takes over the keys of a process that is gone, and gives them back', async (t) => {
  const processes = await Promise.all([startProcess(t), startProcess(t), startProcess(t)]);
  const addresses = processes.map(({ address }) => address);
  const client = clientOf(t, addresses);
  const ask = (route_key: string) => client.write({ value: '' }, { route_key }).then(({ value }) => value);
  await Promise.all(KEYS.map(ask));
  const [gone] = processes;
  await gone!.stop();
  for (const route_key of KEYS) t.is(await ask(route_key), rank(route_key, addresses).find((address) => address !== gone!.address)!);
  await startProcess(t, gone!.port);
  const its = KEYS.find((key) => rank(key, addresses)[0] === gone!.address)!;
  while ((await ask(its)) !== gone!.address) await new Promise((resolve) => setTimeout(resolve, 20));
  t.pass();
});

test('an address that was never there is passed over before anything is sent', async (t) => {
  const { address } = await startProcess(t);
  const client = clientOf(t, ['127.0.0.1:1', address]);
  const answers = await Promise.all(KEYS.map((route_key) => client.write({ value: '' }, { route_key })));
  t.deepEqual(new Set(answers.map(({ value }) => value)), new Set([address]));
  for await (const { value } of client.count({ value: '2' }, { route_key: '1' })) t.truthy(value);
});

test('with nobody there the call says so; with no address there is no client', async (t) => {
  const error = await t.throwsAsync(clientOf(t, ['127.0.0.1:1', '127.0.0.1:2']).say({ value: '' }, { route_key: '1' }), { instanceOf: RpcError });
  t.is(error.code, 'UNAVAILABLE');
  t.throws(() => clientOf(t, []), { instanceOf: TypeError });
});
