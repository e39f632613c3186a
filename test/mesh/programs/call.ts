/**
 * Runs in a pod: makes the calls that stand as JSON on its standard input and writes what came of each. Requests and
 * answers of gRPC are empty messages: who may ask whom, how often and how long is what these tests look at.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { credentials, Client, Metadata, type StatusObject } from '@grpc/grpc-js';

export type Call = {
  /** `order:9000` */
  address: string;
  /** `/rail.order.v1.OrderService/SubmitOrder` */
  path: string;
  headers?: Record<string, string>;
  timeout_ms: number;
  /** By plain HTTP/1.1, with this verb, instead of gRPC. */
  http_method?: string;
  /** A method that answers many times. */
  stream?: boolean;
};

export type Answer = {
  /** Of gRPC; of HTTP its status, or 0 where no answer came. */
  code: number;
  /** Of HTTP the body. */
  details: string;
  /** Headers and trailers, those with text in them. */
  metadata: Record<string, string>;
  took_ms: number;
  /** Answers of a stream. */
  messages?: number;
};

type Input = { calls: Call[]; at_once: number };

const pass = (bytes: Buffer): Buffer => bytes;

async function ask(client: Client, { path, headers = {}, timeout_ms, stream = false }: Call): Promise<Answer> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const from_ms = performance.now();
  const seen: Record<string, string> = {};
  const note = (part: Metadata): void => {
    for (const [name, value] of Object.entries(part.getMap())) seen[name] = String(value);
  };
  return new Promise((resolve) => {
    const options = { deadline: Date.now() + timeout_ms };
    let messages = 0;
    const call = stream ? client.makeServerStreamRequest(path, pass, pass, Buffer.alloc(0), metadata, options) : client.makeUnaryRequest(path, pass, pass, Buffer.alloc(0), metadata, options, () => {});
    if (stream) call.on('data', () => messages++).on('error', () => {});
    call.on('metadata', note);
    call.on('status', (status: StatusObject) => {
      note(status.metadata);
      resolve({ code: status.code, details: status.details, metadata: seen, took_ms: performance.now() - from_ms, ...(stream ? { messages } : {}) });
    });
  });
}

/** A connection for each: nothing is to be learned from those before. */
function askByHttp({ address, path, headers = {}, timeout_ms, http_method: method }: Call): Promise<Answer> {
  const from_ms = performance.now();
  return new Promise((resolve) => {
    const end = (code: number, details: string, metadata: Record<string, string> = {}): void => resolve({ code, details, metadata, took_ms: performance.now() - from_ms });
    const sent = request(`http://${address}${path}`, { method, headers, agent: false, signal: AbortSignal.timeout(timeout_ms) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text)).on('error', (error) => end(0, error.message));
      response.on('end', () => end(response.statusCode!, body, Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))));
    });
    sent.on('error', (error) => end(0, error.message)).end();
  });
}

const { calls, at_once } = JSON.parse(readFileSync(0, 'utf8')) as Input;
const clients = new Map<string, Client>();
const clientOf = (address: string): Client => {
  const known = clients.get(address) ?? new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  clients.set(address, known);
  return known;
};
const answers: Answer[] = [];
let next = 0;
const work = async (): Promise<void> => {
  for (let turn = next++; turn < calls.length; turn = next++) {
    const call = calls[turn]!;
    answers[turn] = call.http_method === undefined ? await ask(clientOf(call.address), call) : await askByHttp(call);
  }
};
await Promise.all(Array.from({ length: at_once }, work));
// A pipe takes what is written in pieces: it must have taken all of it.
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
