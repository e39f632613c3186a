/** An edge is taken away while people buy: it says so first, finishes what it began, and nobody is refused. */
import { Agent, get } from 'node:http';
import { connect, constants, type ClientHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { drainEdge } from '../../envoy/drain.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { frame } from '../support/edge_raw.ts';
import { answer, startStub, type Stub } from '../support/edge_stub.ts';
import { eventually } from '../support/processes.ts';

const READ = '/rail.query.v1.QueryService/SuggestStations';
const WATCH = '/rail.order.v1.OrderService/WatchQueue';
const BUYERS = 12;

let stub: Stub;
let leaving: Edge;
let staying: Edge;

test.before(async () => {
  stub = await startStub();
  // Long enough that some are always under way.
  stub.answers.set(READ, (stream) => void sleep(30).then(() => answer(stream)));
  stub.answers.set(WATCH, (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(frame(new Uint8Array()));
  });
  [leaving, staying] = await Promise.all([startEdge({ env: stub.env }), startEdge({ env: stub.env })]);
});

test.after.always(async () => {
  await leaving?.stop();
  await staying?.stop();
  await stub?.stop();
});

test('while an edge leaves, nobody is refused, and everybody ends at another', async (t) => {
  const over = new AbortController();
  const counts = { leaving: 0, staying: 0, failed: [] as string[] };
  const watching = watch(leaving);
  const buyers = Array.from({ length: BUYERS }, (_, index) => (index % 2 === 0 ? overHttp2(over.signal, counts) : overHttp1(over.signal, counts)));
  await eventually(() => counts.leaving >= BUYERS * 3 && watching.answers() > 0);
  t.is(counts.staying, 0);

  const drained = drainEdge({ admin_url: leaving.admin_url, away_ms: 300, finish_ms: 2_000 });
  await eventually(async () => !(await isReady(leaving)));
  const before = counts.staying;
  await eventually(() => counts.staying >= before + BUYERS * 3);
  t.is(await drained, 1, 'one watches');
  await t.throwsAsync(fetch(`${leaving.url}/healthz`), undefined, 'nobody new is let in');
  t.false(watching.ended());

  // As the pod's end does.
  await leaving.stop();
  await eventually(() => watching.ended());
  over.abort();
  await Promise.all(buyers);
  t.deepEqual(counts.failed, []);
});

type Counts = { leaving: number; staying: number; failed: string[] };

/** As a balancer does: to the first edge that says it is ready. */
async function choose(): Promise<Edge> {
  return (await isReady(leaving)) ? leaving : staying;
}

async function isReady(edge: Edge): Promise<boolean> {
  return fetch(`${edge.url}/healthz`, { headers: { connection: 'close' } }).then(({ status }) => status === 200, () => false);
}

/** One call after the other on a connection, and another connection when it is told to. */
async function overHttp2(over: AbortSignal, counts: Counts): Promise<void> {
  while (!over.aborted) {
    const edge = await choose();
    const session = connect(edge.url);
    session.on('error', () => {});
    let told = false;
    session.once('goaway', () => (told = true)).once('close', () => (told = true));
    while (!over.aborted && !told) {
      const status = await ask(session);
      count(edge, counts, status === '0' ? undefined : `HTTP/2: ${status}`);
    }
    session.close();
  }
}

function ask(session: ClientHttp2Session): Promise<string> {
  return new Promise((resolve) => {
    const stream = session.request({ ':method': 'POST', ':path': READ, 'content-type': 'application/grpc', te: 'trailers' });
    stream.once('error', (error) => resolve(error.message));
    stream.once('trailers', (trailers) => resolve(String(trailers['grpc-status'])));
    stream.once('response', (headers) => headers['grpc-status'] !== undefined && resolve(String(headers['grpc-status'])));
    stream.once('close', () => resolve(`closed by ${stream.rstCode === constants.NGHTTP2_NO_ERROR ? 'itself' : stream.rstCode}`));
    stream.resume();
    stream.end(frame(new Uint8Array()));
  });
}

async function overHttp1(over: AbortSignal, counts: Counts): Promise<void> {
  while (!over.aborted) {
    const edge = await choose();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let told = false;
    while (!over.aborted && !told) {
      const failure = await new Promise<string | undefined>((resolve) => {
        const path = `${READ}?connect=v1&encoding=proto&base64=1&message=${Buffer.from(String(Math.random())).toString('base64url')}`;
        get(`${edge.url}${path}`, { agent }, (response) => {
          told = response.headers.connection === 'close';
          response.resume().once('end', () => resolve(response.statusCode === 200 ? undefined : `HTTP/1.1: ${response.statusCode}`));
        }).once('error', (error) => resolve(error.message));
      });
      count(edge, counts, failure);
    }
    agent.destroy();
  }
}

function count(edge: Edge, counts: Counts, failure: string | undefined): void {
  if (failure !== undefined) counts.failed.push(`${edge === leaving ? 'leaving' : 'staying'} ${failure}`);
  counts[edge === leaving ? 'leaving' : 'staying'] += 1;
}

/** A stream without end, which is told when its connection is over. */
function watch(edge: Edge): { answers(): number; ended(): boolean } {
  const session = connect(edge.url);
  session.on('error', () => {});
  const stream = session.request({ ':method': 'POST', ':path': WATCH, 'content-type': 'application/grpc', te: 'trailers' });
  let answers = 0;
  let ended = false;
  stream.on('data', () => (answers += 1));
  stream.on('error', () => {}).once('close', () => (ended = true));
  stream.end(frame(new Uint8Array()));
  return { answers: () => answers, ended: () => ended };
}
