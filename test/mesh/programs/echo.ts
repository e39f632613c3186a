/**
 * Runs in a pod: answers the methods named in its arguments and does what a call's headers ask for, so that the mesh before it
 * can be watched. It says in headers who answered (`x-pod`), the deadline that arrived (`x-timeout`) and how often the call with
 * this `x-call` was seen here (`x-seen`).
 *
 *     x-fail-first: 14      the first time it is seen, a call ends with this code
 *     x-fail-pod: NAME=14   the pod of this name ends every call with this code
 *     x-delay-ms: 500       answers later
 *
 * A method that is named `stream:/…` answers once a second until `x-hold-ms` are over.
 */
import { Metadata, Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';

const pod = process.env.POD_NAME ?? '';
const pass = (bytes: Buffer): Buffer => bytes;
const seen = new Map<string, number>();

function answer(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void {
  const header = (name: string): string => String(call.metadata.get(name)[0] ?? '');
  const id = header('x-call');
  const times = (seen.get(id) ?? 0) + 1;
  seen.set(id, times);
  const metadata = new Metadata();
  metadata.set('x-pod', pod);
  metadata.set('x-seen', String(times));
  const deadline = call.getDeadline();
  metadata.set('x-timeout', String(Math.round(Number(deadline) - Date.now())));
  const [failing_pod, pod_code] = header('x-fail-pod').split('=');
  const code = header('x-fail-first') !== '' && times === 1 ? Number(header('x-fail-first')) : failing_pod === pod && failing_pod !== '' ? Number(pod_code) : 0;
  setTimeout(() => {
    if (code !== 0) done({ code, details: 'as it was asked to', metadata });
    else done(null, Buffer.alloc(0), metadata);
  }, Number(header('x-delay-ms')));
}

function watch(call: ServerWritableStream<Buffer, Buffer>): void {
  const hold_ms = Number(call.metadata.get('x-hold-ms')[0] ?? 0);
  const beat = setInterval(() => call.write(Buffer.alloc(0)), 1000);
  const end = setTimeout(() => call.end(), hold_ms);
  call.write(Buffer.alloc(0));
  call.on('close', () => (clearInterval(beat), clearTimeout(end))).on('finish', () => clearInterval(beat)).on('cancelled', () => (clearInterval(beat), clearTimeout(end)));
}

const server = new Server();
// Health first: the pod's probe asks for it with a body that `answer` does not read.
const healthy = Buffer.from([0x08, 0x01]);
server.register('/grpc.health.v1.Health/Check', (_: unknown, done: sendUnaryData<Buffer>) => done(null, healthy), pass, pass, 'unary');
for (const path of process.argv.slice(2)) {
  if (path.startsWith('stream:')) server.register(path.slice('stream:'.length), watch, pass, pass, 'serverStream');
  else server.register(path, answer, pass, pass, 'unary');
}
server.bindAsync('0.0.0.0:9000', ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
