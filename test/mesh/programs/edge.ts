/**
 * Runs in a pod outside of the mesh: asks the edge what stands as JSON on its standard input, in every protocol or in bytes, and
 * writes what came of each question, in their order.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { toJson, fromJson, type DescMethodUnary, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { QueryService, WatchAvailabilityRequestSchema } from '#gen/rail/query/v1/query_pb.ts';
import { waysInto, type Refusal, type Way } from '../../support/edge_ways.ts';

const METHODS = {
  suggestStations: QueryService.method.suggestStations,
  syncTimetable: QueryService.method.syncTimetable,
  register: IdentityService.method.register,
  logIn: IdentityService.method.logIn,
  getAccount: IdentityService.method.getAccount,
} satisfies Record<string, DescMethodUnary>;

export type Ask = { method: keyof typeof METHODS; request: Record<string, unknown>; headers?: Record<string, string> };

export type Question =
  /** The same by every way in. */
  | { kind: 'ways'; url: string; ask: Ask }
  /** Once, by Connect. */
  | { kind: 'ask'; url: string; ask: Ask }
  /** Without a pause, of each address in turn. */
  | { kind: 'hammer'; urls: string[]; ask: Ask; during_ms: number }
  /** A stream by gRPC, until it ends or so long; the edge is asked for what remains between two stations. */
  | { kind: 'watch'; url: string; search: JsonObject; during_ms: number }
  /** Bytes as they stand here within TLS, until the other side closes. */
  | { kind: 'speak'; url: string; text: string };

export type Outcome = { way: string; answer?: JsonValue; refusal?: Refusal };

export type Hammered = { asked: number; allowed: Record<string, number>; refused: Record<string, number>; least_ms: number; most_ms: number };

export type Reply = { outcomes?: Outcome[]; hammered?: Hammered; text?: string; watched?: Watched };

/** `end` is what ended it before its time. */
export type Watched = { messages: number; end?: string };

const SPEAK_MS = 60_000;

/** grpc-js as our services use it speaks without TLS, which the edge takes from its own pod only. */
function waysOf(url: string): Way[] {
  return waysInto({ url, tls_url: url }).filter(({ name }) => name !== 'grpc-js');
}

async function ask(way: Way, { method, request, headers }: Ask): Promise<Outcome> {
  const asked: DescMethodUnary = METHODS[method];
  const outcome = await way.unary(asked, request, headers);
  return 'answer' in outcome ? { way: way.name, answer: toJson(asked.output, outcome.answer) } : { way: way.name, refusal: outcome.refusal };
}

async function hammer(urls: readonly string[], wish: Ask, during_ms: number): Promise<Hammered> {
  const doors = urls.map((url) => ({ url, way: waysOf(url)[0]! }));
  const hammered: Hammered = { asked: 0, allowed: {}, refused: {}, least_ms: 0, most_ms: 0 };
  const from_ms = performance.now();
  let answered_ms: number | undefined;
  while (performance.now() - from_ms < during_ms) {
    const { url, way } = doors[hammered.asked++ % doors.length]!;
    const { answer } = await ask(way, wish);
    answered_ms ??= performance.now();
    const counts = answer === undefined ? hammered.refused : hammered.allowed;
    counts[url] = (counts[url] ?? 0) + 1;
  }
  // The bucket begins to fill when its first token is taken: after the first question left and before its answer came.
  return { ...hammered, least_ms: performance.now() - answered_ms!, most_ms: performance.now() - from_ms };
}

async function watch(url: string, search: JsonObject, during_ms: number): Promise<Watched> {
  const signal = AbortSignal.timeout(during_ms);
  const watched: Watched = { messages: 0 };
  const request = fromJson(WatchAvailabilityRequestSchema, { search });
  try {
    const { message } = await createGrpcTransport({ baseUrl: url }).stream(QueryService.method.watchAvailability, signal, undefined, undefined, (async function* () { yield request; })());
    for await (const _ of message) watched.messages++;
    return { ...watched, end: 'it was ended' };
  } catch (error) {
    return signal.aborted ? watched : { ...watched, end: String(error) };
  }
}

function speak(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ host: hostname, port: Number(port || 443), servername: hostname, ALPNProtocols: ['http/1.1'] }, () => socket.write(text));
    socket.setTimeout(SPEAK_MS, () => socket.destroy());
    socket.on('data', (data: Buffer) => (answer += data.toString())).on('error', () => {}).on('close', () => resolve(answer));
  });
}

async function reply(question: Question): Promise<Reply> {
  if (question.kind === 'speak') return { text: await speak(question.url, question.text) };
  if (question.kind === 'watch') return { watched: await watch(question.url, question.search, question.during_ms) };
  if (question.kind === 'hammer') return { hammered: await hammer(question.urls, question.ask, question.during_ms) };
  const outcomes: Outcome[] = [];
  for (const way of question.kind === 'ask' ? waysOf(question.url).slice(0, 1) : waysOf(question.url)) outcomes.push(await ask(way, question.ask));
  return { outcomes };
}

const { questions, at_once, trusting } = JSON.parse(readFileSync(0, 'utf8')) as { questions: Question[]; at_once: number; trusting: boolean };
// A pod's address stands in no certificate.
if (trusting) process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
const replies: Reply[] = [];
let next = 0;
await Promise.all(Array.from({ length: at_once }, async () => {
  for (let turn = next++; turn < questions.length; turn = next++) replies[turn] = await reply(questions[turn]!);
}));
process.stdout.write(JSON.stringify(replies), () => process.exit(0));
