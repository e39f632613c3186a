import test from 'ava';
import type { Call } from './call.ts';
import { RpcError } from './error.ts';
import { startEcho } from './testing/serving.ts';
import { rawCall } from './testing/raw.ts';
import { status } from '@grpc/grpc-js';

/** Waits for the end of a call from outside, as a handler stuck in I/O does. */
function untilAborted({ signal }: Call): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}

test('the client\'s deadline ends the call on both sides', async (t) => {
  const ended = Promise.withResolvers<unknown>();
  const server = await startEcho(t, {
    say: (_, call) => {
      t.true(call.remaining_ms() <= 50);
      return untilAborted(call).catch((reason: unknown) => { ended.resolve(reason); throw reason; });
    },
  });
  const error = await t.throwsAsync(server.client().say({ value: '' }, { timeout_ms: 50 }), { instanceOf: RpcError });
  t.is(error.code, 'DEADLINE_EXCEEDED');
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

test('a call made for another one has no more time than that one, and ends with it', async (t) => {
  const below = await startEcho(t, {
    say: (_, call) => ({ value: String(call.deadline_ms) }),
    write: (_, call) => untilAborted(call),
  });
  const client = below.client();
  const ended = Promise.withResolvers<RpcError>();
  const above = await startEcho(t, {
    say: async (request, call) => {
      const { value } = await client.say(request, { parent: call, timeout_ms: 50_000 });
      t.true(Number(value) <= call.deadline_ms + 20, `${value} is after ${call.deadline_ms}`);
      return client.write(request, { parent: call }).catch((error: RpcError) => { ended.resolve(error); throw error; });
    },
  });
  const stop = new AbortController();
  const call = above.client().say({ value: '' }, { timeout_ms: 400, signal: stop.signal });
  t.is((await t.throwsAsync(call, { instanceOf: RpcError })).code, 'DEADLINE_EXCEEDED');
  t.true(['CANCELLED', 'DEADLINE_EXCEEDED'].includes((await ended.promise).code));
});
