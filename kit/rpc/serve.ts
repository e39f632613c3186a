import type { DescMethod, MessageInitShape, MessageShape, DescMessage } from '@bufbuild/protobuf';
import type { handleBidiStreamingCall, handleClientStreamingCall, handleServerStreamingCall, handleUnaryCall, UntypedHandleCall } from '@grpc/grpc-js';
import type { Call } from './call.ts';
import { RpcError } from './error.ts';
import type { AnyHandler } from './implement.ts';
import { decodeRequest, encodeMessage } from './messages.ts';
import { Prepared, type Around } from './prepared.ts';
import { Run } from './run.ts';
import type { Endpoint } from './run.ts';

/** The name grpc-js has for a kind of method, and the function it calls. */
export type Served = { type: 'unary' | 'serverStream' | 'clientStream' | 'bidi'; handle: UntypedHandleCall };

/** Joins a handler with everything that surrounds it (see Run), for any kind of method. */
export function serve(method: DescMethod, handler: AnyHandler, endpoint: Endpoint, around?: Around): Served {
  switch (method.methodKind) {
    case 'unary':
      return { type: 'unary', handle: serveUnary(method, handler as UnaryHandler, endpoint, around) };
    case 'server_streaming':
      return { type: 'serverStream', handle: serveStream(method, handler as StreamHandler, endpoint) };
    case 'client_streaming':
      return { type: 'clientStream', handle: serveCollecting(method, handler as CollectingHandler, endpoint) };
    case 'bidi_streaming':
      return { type: 'bidi', handle: serveBidi(method, handler as BidiHandler, endpoint) };
  }
}

type Request = MessageShape<DescMessage>;
type Answer = MessageInitShape<DescMessage> | Prepared;
type UnaryHandler = (request: Request, call: Call) => Promise<Answer> | Answer;
type StreamHandler = (request: Request, call: Call) => AsyncIterable<Answer>;
type CollectingHandler = (requests: AsyncIterable<Request>, call: Call) => Promise<Answer>;
type BidiHandler = (requests: AsyncIterable<Request>, call: Call) => AsyncIterable<Answer>;

function serveUnary(method: DescMethod, handler: UnaryHandler, endpoint: Endpoint, around: Around = ({ answer: made }) => made()): handleUnaryCall<Buffer, Buffer> {
  const { input, output } = method;
  return (grpc, callback) => {
    const run = new Run(endpoint, grpc, callback);
    run.work(async () => {
      await run.authorize();
      const ask = (): unknown => {
        const request = decodeRequest(input, grpc.request);
        run.call.request_id = requestIdOf(request);
        return handler(request, run.call);
      };
      const given = (await around({ method, bytes: grpc.request, call: run.call, answer: ask })) as Answer;
      const bytes = bytesOf(output, given);
      if (!run.succeed()) return;
      if (given instanceof Prepared && given.headers !== undefined) grpc.sendMetadata(given.headers);
      callback(null, bytes);
    });
  };
}

function serveCollecting({ input, output }: DescMethod, handler: CollectingHandler, endpoint: Endpoint): handleClientStreamingCall<Buffer, Buffer> {
  return (grpc, callback) => {
    const run = new Run(endpoint, grpc, callback);
    run.work(async () => {
      await run.authorize();
      const bytes = bytesOf(output, await handler(readAll(input, grpc), run.call));
      if (run.succeed()) callback(null, bytes);
    });
  };
}

function serveStream({ input, output }: DescMethod, handler: StreamHandler, endpoint: Endpoint): handleServerStreamingCall<Buffer, Buffer> {
  return (grpc) => {
    const run = new Run(endpoint, grpc, (status) => void grpc.emit('error', status));
    run.work(async () => {
      await run.authorize();
      const request = decodeRequest(input, grpc.request);
      run.call.request_id = requestIdOf(request);
      await pump(run, handler(request, run.call), output, grpc);
    });
  };
}

function serveBidi({ input, output }: DescMethod, handler: BidiHandler, endpoint: Endpoint): handleBidiStreamingCall<Buffer, Buffer> {
  return (grpc) => {
    const run = new Run(endpoint, grpc, (status) => void grpc.emit('error', status));
    run.work(async () => {
      await run.authorize();
      await pump(run, handler(readAll(input, grpc), run.call), output, grpc);
    });
  };
}

function bytesOf(output: DescMessage, given: Answer): Buffer {
  return given instanceof Prepared ? given.bytes : encodeMessage(output, given);
}

/** Sends what a handler yields, as fast as the client reads. An end from outside stops it between two messages. */
async function pump(run: Run, answers: AsyncIterable<Answer>, output: DescMessage, grpc: Writer): Promise<void> {
  const iterator = answers[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessEnded(run, iterator.next());
      if (next === undefined) return;
      if (next.done === true) break;
      const flushed = grpc.write(bytesOf(output, next.value));
      if (!flushed) await drained(run, grpc);
      if (run.ended) return;
    }
    if (run.succeed()) grpc.end();
  } finally {
    // A generator that waits for ever on something other than call.signal keeps its place; that is visible in the metrics.
    await iterator.return?.(undefined);
  }
}

/** Waits until the client has read. One that reads nothing for too long is dropped: what waits for it takes memory of all. */
async function drained(run: Run, grpc: Writer): Promise<void> {
  const timer = setTimeout(() => run.fail(RpcError.of({ reason: 'DEADLINE', detail: 'the client has stopped reading' })), run.max_stall_ms);
  await unlessEnded(run, new Promise<void>((resolve) => void grpc.once('drain', resolve))).finally(() => clearTimeout(timer));
}

/** A promise's value, or undefined when the call ends first. Not Promise.race, which would keep every loser of a long stream. */
function unlessEnded<T>(run: Run, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    run.whenEnded(() => resolve(undefined));
    const settle = (outcome: () => void): void => {
      run.whenEnded(undefined);
      outcome();
    };
    promise.then((value) => settle(() => resolve(value)), (error: unknown) => settle(() => reject(error as Error)));
  });
}

/** The iterator must leave the stream open when it ends: the answers go through the same one. */
async function* readAll(input: DescMessage, source: Reader): AsyncIterable<Request> {
  for await (const bytes of source.iterator({ destroyOnReturn: false })) yield decodeRequest(input, bytes as Buffer);
}

function requestIdOf(request: Request): string | undefined {
  const { requestId } = request as { requestId?: unknown };
  return typeof requestId === 'string' && requestId !== '' ? requestId : undefined;
}

type Reader = { iterator(options: { destroyOnReturn: boolean }): AsyncIterable<unknown> };

type Writer = { write(bytes: Buffer): boolean; once(event: 'drain', listener: () => void): unknown; end(): unknown };
