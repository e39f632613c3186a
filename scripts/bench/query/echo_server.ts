/**
 * The least a grpc-js server that builds its answers can do: it makes each from plain objects, one after the other of a list,
 * and looks at no request. With `ready` it sends their bytes, made before. Started as a process of its own:
 * `echo_server.ts PORT FILE built|ready`; the file holds answers, each behind its length in four bytes.
 */
import { readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { SearchTrainsResponseSchema } from '#gen/rail/query/v1/query_pb.ts';
import { encodeMessage, passBytes } from '#kit/rpc/messages.ts';
import { SEARCH_PATH } from './caller.ts';

if (import.meta.main) serve(Number(process.argv[2]), answersIn(readFileSync(process.argv[3]!)), process.argv[4] === 'ready');

export function answersOf(answers: readonly Buffer[]): Buffer {
  return Buffer.concat(answers.flatMap((answer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(answer.length);
    return [length, answer];
  }));
}

function answersIn(file: Buffer): Buffer[] {
  const answers: Buffer[] = [];
  for (let at = 0; at < file.length; at += 4 + answers.at(-1)!.length) answers.push(file.subarray(at + 4, at + 4 + file.readUInt32BE(at)));
  return answers;
}

function serve(port: number, answers: readonly Buffer[], ready: boolean): void {
  const shapes = answers.map((bytes) => plain(fromBinary(SearchTrainsResponseSchema, bytes)) as object);
  let next = 0;
  const answer = (): Buffer => {
    next = (next + 1) % answers.length;
    return ready ? answers[next]! : encodeMessage(SearchTrainsResponseSchema, shapes[next]!);
  };
  const server = new Server({ 'grpc.enable_channelz': 0 });
  server.register(SEARCH_PATH, (_call: unknown, callback: (error: null, answer: Buffer) => void) => callback(null, answer()), passBytes, passBytes, 'unary');
  server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
    if (error !== null) throw error;
  });
}

/** A message as a handler would write it down: objects without types. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !name.startsWith('$')).map(([name, one]) => [name, plain(one)]));
}
