import test from 'ava';
import { Echo } from './testing/echo.ts';
import { startServer } from './server.ts';
import { implement } from './implement.ts';
import { createClient } from './client.ts';
import { silentLog } from '#kit/telemetry/log.ts';

test('a unary call', async (t) => {
  const server = await startServer({ service: 'echo', auth: {}, log: silentLog(), implementations: [implement(Echo, {
    say: ({ value }) => ({ value: value + '!' }),
    blob: (r) => r, write: (r) => r, mine: (r) => r, operate: (r) => r, inspect: (r) => r, internal: (r) => r,
    count: async function* () { yield { value: '1' }; yield { value: '2' }; },
    watch: async function* () { yield { value: '1' }; },
    join: async (requests) => { let value = ''; for await (const r of requests) value += r.value; return { value }; },
    talk: async function* (requests) { for await (const r of requests) yield { value: r.value }; },
  })] });
  const client = createClient(Echo, { address: server.address, service: 'test' });
  t.is((await client.say({ value: 'x' })).value, 'x!');
  const got: string[] = [];
  for await (const { value } of client.count({ value: 'x' })) got.push(value);
  t.deepEqual(got, ['1', '2']);
  client.close();
  await server.stop();
});
