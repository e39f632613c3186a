import { toBinary } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { implement } from './implement.ts';
import { headersOf, Prepared, type Around } from './prepared.ts';
import { Echo } from './testing/echo.ts';
import { ECHOING, KEY, startEcho } from './testing/serving.ts';

const SERVER = { service: 'echo', auth: { caller_keys: [KEY] }, log: silentLog() };
const bytesOf = (value: string): Buffer => Buffer.from(toBinary(StringValueSchema, { $typeName: 'google.protobuf.StringValue', value }));

test('what stands before the handlers may answer in their place, with bytes made before', async (t) => {
  let asked = 0;
  const kept = new Map<string, Prepared>();
  const around: Around = async ({ method, bytes, answer }) => {
    if (method.name !== 'Say') return answer();
    const key = bytes.toString('latin1');
    const made = kept.get(key) ?? new Prepared(bytesOf(((await answer()) as { value: string }).value), headersOf({ etag: 'W/"1"' }));
    kept.set(key, made);
    return made;
  };
  const handlers = { ...ECHOING, say: (request: { value: string }) => ({ value: `${request.value} ${(asked += 1)}` }) };
  const server = await startEcho(t, {}, { ...SERVER, implementations: [implement(Echo, handlers, { around })] });
  const client = server.client();
  t.is((await client.say({ value: 'a' })).value, 'a 1');
  t.is((await client.say({ value: 'a' })).value, 'a 1');
  t.is((await client.say({ value: 'b' })).value, 'b 2');
  t.is((await client.write({ value: 'c' })).value, 'c', 'other methods are asked as ever');
});

test('a refusal passes through', async (t) => {
  const around: Around = ({ answer }) => answer();
  const handlers = { ...ECHOING, say: () => { throw new Error('a bug'); } };
  const server = await startEcho(t, {}, { ...SERVER, implementations: [implement(Echo, handlers, { around })] });
  await t.throwsAsync(() => server.client().say({ value: 'a' }), { message: /INTERNAL/ });
});

test('streams yield prepared messages too', async (t) => {
  const shared = new Prepared(bytesOf('shared'));
  const server = await startEcho(t, { count: async function* () { yield shared; yield shared; } });
  const seen: string[] = [];
  for await (const { value } of server.client().count({ value: '' })) seen.push(value);
  t.deepEqual(seen, ['shared', 'shared']);
});

test('a client that stops reading is dropped, and others are served', async (t) => {
  const dropped = Promise.withResolvers<number>();
  const large = new Prepared(bytesOf('x'.repeat(100_000)));
  const count = async function* ({ value }: { value: string }) {
    let sent = 0;
    try {
      for (; sent < Number(value); sent += 1) yield large;
    } finally {
      dropped.resolve(sent);
    }
  };
  const server = await startEcho(t, { count }, { limits: { max_stall_ms: 100, drain_ms: 500 } });
  const stalled = server.client().count({ value: '100000' })[Symbol.asyncIterator]();
  await stalled.next();
  t.true((await dropped.promise) < 1000, 'what waits for it is bounded');
  let read = 0;
  // So few that the server need not wait for the reader, however busy the machine is.
  for await (const _ of server.client().count({ value: '10' })) read += 1;
  t.is(read, 10);
});
