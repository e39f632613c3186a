import test from 'ava';
import { status } from '@grpc/grpc-js';
import { fail } from '#kit/base/result.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { registry } from '#kit/telemetry/metrics.ts';
import { RpcError, unwrap } from './error.ts';
import { implement } from './implement.ts';
import { startServer } from './server.ts';
import { Echo } from './testing/echo.ts';
import { ECHOING, startEcho } from './testing/serving.ts';
import { rawCall } from './testing/raw.ts';
import { silentLog } from '#kit/telemetry/log.ts';

/** The RpcError a promise must end with. */
async function refusal(promise: Promise<unknown>): Promise<RpcError> {
  const outcome = await promise.then((value) => value, (error: unknown) => error);
  if (outcome instanceof RpcError) return outcome;
  throw new Error(`expected a refusal, got ${JSON.stringify(outcome)}`);
}

test('unary: the answer of the handler, which sees the call', async (t) => {
  const server = await startEcho(t, { say: ({ value }, call) => ({ value: `${value} ${call.method} ${call.peer_ip} ${call.user_agent.split('/')[0]} ${call.caller.kind}` }) });
  const { value } = await server.client().say({ value: '车票' });
  t.is(value, '车票 /rail.testing.EchoService/Say 127.0.0.1 grpc-node-js anonymous');
});

test('server streaming: all messages in order, far more than a buffer holds', async (t) => {
  const server = await startEcho(t);
  let expected = 0;
  for await (const { value } of server.client().count({ value: '20000' })) t.true(Number(value) === (expected += 1) || value === 'never');
  t.is(expected, 20_000);
});

test('a stream that the client leaves ends in the handler too', async (t) => {
  const left = Promise.withResolvers<void>();
  const server = await startEcho(t, {
    count: async function* (_, { signal }) {
      signal.addEventListener('abort', () => left.resolve());
      for (let number = 0; ; number += 1) yield { value: String(number) };
    },
  });
  for await (const { value } of server.client().count({ value: '' })) if (value === '3') break;
  await left.promise;
  t.pass();
});

test('a failure becomes code, reason, metadata, retry time and a sentence in the language asked for', async (t) => {
  const server = await startEcho(t, { say: () => unwrap<{ value: string }>(fail('SOLD_OUT', { metadata: { run_id: 'G1.20260115' }, retry_after_ms: 1500, detail: 'none of 2' })) });
  const client = server.client();
  const chinese = await refusal(client.say({ value: '' }));
  t.is(chinese.code, 'FAILED_PRECONDITION');
  t.is(chinese.reason, 'SOLD_OUT');
  t.deepEqual(chinese.metadata, { run_id: 'G1.20260115' });
  t.is(chinese.retry_after_ms, 1500);
  t.is(chinese.localized?.locale, 'zh-CN');
  t.regex(chinese.localized?.message ?? '', /余票不足/);
  const english = await refusal(client.say({ value: '' }, { metadata: { 'accept-language': 'en-US,en;q=0.9,zh;q=0.8' } }));
  t.regex(english.localized?.message ?? '', /No seats are left/);
  t.is(english.message, '9 FAILED_PRECONDITION: SOLD_OUT: none of 2'.slice('9 FAILED_PRECONDITION: '.length));
});

test('the HTTP status of a locked seat is told to the edge, since its code alone says 400', async (t) => {
  const server = await startEcho(t, { say: () => unwrap<{ value: string }>(fail('SEAT_LOCKED')) });
  const { metadata, code } = await rawCall(t, server.address, 'Say', Buffer.alloc(0));
  t.is(code, status.FAILED_PRECONDITION);
  t.deepEqual(metadata.get('x-http-status'), ['423']);
});

test('an unknown error leaks no text, not even into the answer\'s details, and is logged with its trace', async (t) => {
  const lines: string[] = [];
  const log = createLog({ service: 'echo', destination: { write: (line) => void lines.push(line) } });
  const server = await startEcho(t, { say: () => { throw new Error('connect ECONNREFUSED 10.9.8.7 password=hunter2'); } }, { log });
  const trace_id = '0af7651916cd43dd8448eb211c80319c';
  const { code, details, metadata } = await rawCall(t, server.address, 'Say', Buffer.alloc(0), { traceparent: `00-${trace_id}-b7ad6b7169203331-01` });
  t.is(code, status.INTERNAL);
  const everything = details + JSON.stringify(metadata.getMap()) + metadata.get('grpc-status-details-bin').map(String).join('');
  t.notRegex(everything, /ECONNREFUSED|10\.9\.8\.7|hunter2/);
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>).find((line) => line.reason === 'INTERNAL');
  t.is(logged?.trace_id, trace_id);
  t.is(logged?.level, 'error');
  t.regex(JSON.stringify(logged?.error), /ECONNREFUSED/);
});

test('a refusal thrown inside a stream reaches the client after what was sent', async (t) => {
  const server = await startEcho(t, {
    count: async function* () {
      yield { value: '1' };
      unwrap(fail('QUEUE_TOKEN_EXPIRED'));
    },
  });
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { value } of server.client().count({ value: '' })) seen.push(value);
  };
  t.is((await refusal(read())).reason, 'QUEUE_TOKEN_EXPIRED');
  t.deepEqual(seen, ['1']);
});

test('malformed bytes are the client\'s fault', async (t) => {
  let called = false;
  const server = await startEcho(t, { say: (request) => { called = true; return request; } });
  const answer = await rawCall(t, server.address, 'Say', Buffer.from([0x0a, 0xff, 0xff, 0xff]));
  t.is(answer.code, status.INVALID_ARGUMENT);
  t.regex(answer.details, /^FIELD_INVALID/);
  t.false(called);
});

test('a message above the limit is refused, one below it is not', async (t) => {
  const server = await startEcho(t, {}, { limits: { max_receive_bytes: 1000 } });
  const client = server.client();
  t.is((await client.blob({ value: new Uint8Array(900) })).value.length, 900);
  t.is((await refusal(client.blob({ value: new Uint8Array(1100) }))).code, 'RESOURCE_EXHAUSTED');
});

test('more calls than the limit are refused at once with a time to come back; those inside finish', async (t) => {
  const inside = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const server = await startEcho(t, { say: async (request) => { inside.resolve(); await release.promise; return request; } }, { limits: { max_in_flight: 1 } });
  const client = server.client();
  const first = client.say({ value: 'a' });
  await inside.promise;
  const second = await refusal(client.say({ value: 'b' }));
  t.is(second.reason, 'OVERLOADED');
  t.true((second.retry_after_ms ?? 0) > 0);
  release.resolve();
  t.is((await first).value, 'a');
  t.is((await client.say({ value: 'c' })).value, 'c');
});

test('a server with a method that states no rule does not start', async (t) => {
  const stripped = { ...Echo, methods: Echo.methods.map((method) => ({ ...method, proto: { ...method.proto, options: undefined } })) } as unknown as typeof Echo;
  const starting = startServer({ service: 'echo', auth: {}, log: silentLog(), implementations: [implement(stripped, ECHOING)] });
  await t.throwsAsync(starting, { message: /EchoService\.Say states no rule/ });
});

test('a handler that is missing is found before anything listens', (t) => {
  const { say, ...others } = ECHOING;
  t.is(typeof say, 'function');
  t.throws(() => implement(Echo, others as typeof ECHOING), { message: /Say has no handler/ });
});

test('client streaming and bidirectional methods are served', async (t) => {
  const server = await startEcho(t);
  const { Client, credentials } = await import('@grpc/grpc-js');
  const client = new Client(server.address, credentials.createInsecure());
  t.teardown(() => client.close());
  const pass = (bytes: Buffer): Buffer => bytes;
  const word = (text: string): Buffer => Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]);
  const joined = await new Promise<Buffer>((resolve, reject) => {
    const call = client.makeClientStreamRequest('/rail.testing.EchoService/Join', pass, pass, (error, answer) => (error === null ? resolve(answer!) : reject(error)));
    call.write(word('ab'));
    call.write(word('cd'));
    call.end();
  });
  t.deepEqual(joined, word('abcd'));
  const talk = client.makeBidiStreamRequest('/rail.testing.EchoService/Talk', pass, pass);
  talk.write(word('x'));
  talk.end();
  const heard: Buffer[] = [];
  for await (const bytes of talk) heard.push(bytes as Buffer);
  t.deepEqual(heard, [word('x')]);
});

test('calls are counted by method and code, refusals by reason, and nothing stays in flight', async (t) => {
  const server = await startEcho(t, { write: () => unwrap<{ value: string }>(fail('VERSION_STALE')) }, { service: 'counted' });
  const client = server.client();
  await client.say({ value: '' });
  await refusal(client.write({ value: '' }));
  const text = await registry.metrics();
  t.regex(text, /rpc_server_duration_seconds_count\{service="counted",method="\/rail\.testing\.EchoService\/Say",code="OK"\} 1/);
  t.regex(text, /rpc_server_duration_seconds_count\{service="counted",method="\/rail\.testing\.EchoService\/Write",code="ABORTED"\} 1/);
  t.regex(text, /rpc_server_refusals_total\{service="counted",method="\/rail\.testing\.EchoService\/Write",reason="VERSION_STALE"\} 1/);
  t.regex(text, /rpc_server_in_flight\{service="counted",method="\/rail\.testing\.EchoService\/Say"\} 0/);
});
