import test from 'ava';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Call } from './call.ts';
import { RpcError } from './error.ts';
import { AUDIENCE, createIssuer, ISSUER, startEcho, TRAVELLER } from './testing/serving.ts';
import { rawCall } from './testing/raw.ts';
import { status } from '@grpc/grpc-js';

const issuer = await createIssuer();

/** Waits for the end of a call from outside, as a handler stuck in I/O does. */
function untilAborted({ signal }: Call): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}

test('the client\'s deadline ends the call on both sides', async (t) => {
  let begun = false;
  const ended = Promise.withResolvers<unknown>();
  const server = await startEcho(t, {
    say: (_, call) => {
      begun = true;
      t.true(call.remaining_ms() <= 50);
      return untilAborted(call).catch((reason: unknown) => { ended.resolve(reason); throw reason; });
    },
  });
  const client = server.client();
  // On a busy machine a call may be over before it reaches the handler; the next one is not.
  for (;;) {
    const error = await t.throwsAsync(client.say({ value: '' }, { timeout_ms: 50 }), { instanceOf: RpcError });
    t.is(error.code, 'DEADLINE_EXCEEDED');
    if (begun) break;
  }
  t.true((await ended.promise) instanceof RpcError);
});

test('a call without a deadline gets that of the method\'s rule, and an answer with details', async (t) => {
  const server = await startEcho(t, { write: (_, call) => { t.true(call.remaining_ms() <= 2000); return untilAborted(call); } });
  // The raw client sends 60 s, so the limit of the server is what ends this one.
  const limited = await startEcho(t, { write: (_, call) => untilAborted(call) }, { limits: { max_timeout_ms: 30 } });
  const { Client, credentials } = await import('@grpc/grpc-js');
  const client = new Client(server.address, credentials.createInsecure());
  t.teardown(() => client.close());
  const pass = (bytes: Buffer): Buffer => bytes;
  const without = new Promise<number>((resolve) => {
    client.makeUnaryRequest('/rail.testing.EchoService/Write', pass, pass, Buffer.alloc(0), (error) => resolve(error?.code ?? 0));
  });
  const cut = await rawCall(t, limited.address, 'Write', Buffer.alloc(0));
  t.is(cut.code, status.DEADLINE_EXCEEDED);
  t.regex(cut.details, /^DEADLINE/);
  t.is(await without, status.DEADLINE_EXCEEDED);
});

test('cancelling a call aborts its signal in the handler', async (t) => {
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<RpcError>();
  const server = await startEcho(t, {
    say: (_, call) => {
      started.resolve();
      return untilAborted(call).catch((reason: RpcError) => { ended.resolve(reason); throw reason; });
    },
  });
  const stop = new AbortController();
  const call = server.client().say({ value: '' }, { signal: stop.signal });
  await started.promise;
  stop.abort();
  t.is((await t.throwsAsync(call, { instanceOf: RpcError })).code, 'CANCELLED');
  t.is((await ended.promise).reason, 'CANCELLED');
});

test('an aborted signal sends nothing at all', async (t) => {
  let called = 0;
  const server = await startEcho(t, { say: (request) => { called += 1; return request; } });
  const error = await t.throwsAsync(server.client().say({ value: '' }, { signal: AbortSignal.abort() }), { instanceOf: RpcError });
  t.is(error.code, 'CANCELLED');
  t.is(called, 0);
});

test('a handler does not start for a call that ended while its credentials were checked', async (t) => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const keys = createServer((_, response) => { asked.resolve(); void answer.promise.then(() => response.end(JSON.stringify(issuer.jwks))); });
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
  t.teardown(() => keys.close());
  let begun = 0;
  const jwks = new URL(`http://127.0.0.1:${(keys.address() as AddressInfo).port}/`);
  const server = await startEcho(t, { mine: (request) => { begun += 1; return request; } }, { auth: { token: { jwks, issuer: ISSUER, audience: AUDIENCE } } });
  const metadata = { authorization: `Bearer ${await issuer.issue(TRAVELLER)}` };
  const stop = new AbortController();
  const client = server.client();
  const call = client.mine({ value: '' }, { metadata, signal: stop.signal });
  await asked.promise;
  stop.abort();
  await t.throwsAsync(call, { instanceOf: RpcError });
  // A call after it on the same connection proves that the cancellation has arrived.
  await client.say({ value: '' });
  answer.resolve();
  await client.mine({ value: '' }, { metadata });
  t.is(begun, 1);
});

test('a call made for another one has no more time than that one', async (t) => {
  const below = await startEcho(t, { say: (_, call) => ({ value: String(call.remaining_ms()) }) });
  const client = below.client();
  const above = await startEcho(t, { say: (request, parent) => client.say(request, { parent, timeout_ms: 3_600_000 }) });
  const { value } = await above.client().say({ value: '' }, { timeout_ms: 30_000 });
  t.true(Number(value) <= 30_000 && Number(value) > 0, value);
});

test('a call made for another one ends with it', async (t) => {
  const inside = Promise.withResolvers<void>();
  const below = await startEcho(t, { write: (_, call) => { inside.resolve(); return untilAborted(call); } });
  const client = below.client();
  const ended = Promise.withResolvers<RpcError>();
  const above = await startEcho(t, { say: (request, parent) => client.write(request, { parent }).catch((error: RpcError) => { ended.resolve(error); throw error; }) });
  const stop = new AbortController();
  const call = above.client().say({ value: '' }, { signal: stop.signal });
  await inside.promise;
  stop.abort();
  await t.throwsAsync(call, { instanceOf: RpcError });
  t.is((await ended.promise).code, 'CANCELLED');
});
