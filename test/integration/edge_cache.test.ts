/** What the edge keeps of public reads, what it never keeps, and how a browser asks whether its copy is still the answer. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import test from 'ava';
import { GetOrderRequestSchema } from '#gen/rail/order/v1/order_pb.ts';
import { ListStationsRequestSchema, ListStationsResponseSchema, QueryService, SearchTrainsRequestSchema, SearchTrainsResponseSchema, type SearchTrainsRequest } from '#gen/rail/query/v1/query_pb.ts';
import { Channel, PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { startTestStack, type TestStack } from '../support/edge_stack.ts';

let stack: TestStack;
let edge: Edge;
let trip: SearchTrainsRequest;

test.before(async () => {
  stack = await startTestStack();
  await stack.liftLimits();
  edge = await startEdge({ env: stack.env });
  const query = createClient(QueryService, { address: stack.env.QUERY_ADDRESS!, service: 'test' });
  const { stations } = await query.listStations({ pageSize: 1000 });
  query.close();
  const place = (value: string) => ({ place: { case: 'stationId' as const, value } });
  trip = create(SearchTrainsRequestSchema, { from: place(stations[0]!.stationId), to: place(stations[1]!.stationId), date: stack.today });
});
test.after.always(async () => {
  await edge?.stop();
  await stack?.stop();
});

function urlOf(method: string, message: Uint8Array): string {
  return `${edge.url}/rail.query.v1.QueryService/${method}?connect=v1&encoding=proto&base64=1&message=${Buffer.from(message).toString('base64url')}`;
}

const searchUrl = (more: Partial<SearchTrainsRequest> = {}): string => urlOf('SearchTrains', toBinary(SearchTrainsRequestSchema, { ...trip, ...more }));
const stationsUrl = (pageSize: number): string => urlOf('ListStations', toBinary(ListStationsRequestSchema, create(ListStationsRequestSchema, { pageSize })));

/** How many requests went on to query. */
async function asked(): Promise<number> {
  const text = await (await fetch(`${edge.admin_url}/stats?filter=cluster.query.upstream_rq_total`)).text();
  return Number(/upstream_rq_total: (\d+)/.exec(text)?.[1] ?? 0);
}

async function askedBy(ask: () => Promise<unknown>): Promise<number> {
  const before = await asked();
  await ask();
  return (await asked()) - before;
}

const times = (count: number, ask: () => Promise<unknown>): Promise<unknown[]> => Promise.all(Array.from({ length: count }, ask));

async function read(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) };
}

test.serial('a crowd that asks the same at once is one question to query, and those who come later none', async (t) => {
  const url = stationsUrl(7);
  t.is(await askedBy(async () => {
    const answers = (await times(500, () => read(url))) as Awaited<ReturnType<typeof read>>[];
    for (const { status, body } of answers) {
      t.is(status, 200);
      t.is(fromBinary(ListStationsResponseSchema, body).stations.length, 7);
    }
  }), 1);
  t.is(await askedBy(() => times(50, () => read(url))), 0);
  t.is(await askedBy(() => times(20, () => read(url, { 'cache-control': 'no-cache' }))), 0, 'a reload makes no work');
});

test.serial('an answer says how long it may be kept, and a copy is confirmed without being sent again', async (t) => {
  const first = await read(searchUrl());
  t.is(first.status, 200);
  t.is(first.headers.get('cache-control'), 'public, max-age=1');
  t.is(first.headers.get('vary'), 'authorization');
  const etag = first.headers.get('etag')!;
  t.is(etag, `W/"${fromBinary(SearchTrainsResponseSchema, first.body).stamp!.checksum}"`);
  for (const condition of [etag, `"another", ${etag}`, etag.slice(2), '*']) {
    const again = await read(searchUrl(), { 'if-none-match': condition });
    t.deepEqual([again.status, again.body.length, again.headers.get('etag')], [304, 0, etag], condition);
  }
  t.is((await read(searchUrl(), { 'if-none-match': 'W/"another"' })).status, 200);
  const json = `${edge.url}/v1/stations?page_size=3`;
  const [spoken, confirmed] = [await read(json), await read(json, { 'if-none-match': (await read(json)).headers.get('etag')! })];
  t.deepEqual([spoken.status, spoken.headers.get('cache-control'), confirmed.status, confirmed.body.length], [200, 'public, max-age=300', 304, 0]);
});

test.serial('channel and type of passenger are part of the question', async (t) => {
  const urls = [searchUrl({ pageSize: 50 }), searchUrl({ pageSize: 50, channel: Channel.APP }), searchUrl({ pageSize: 50, passengerType: PassengerType.CHILD })];
  t.is(await askedBy(() => Promise.all(urls.map((url) => read(url)))), 3);
  const [adult, , child] = await Promise.all(urls.map(async (url) => fromBinary(SearchTrainsResponseSchema, (await read(url)).body)));
  if (adult!.offers.length > 0) t.notDeepEqual(child!.offers[0]!.classes[0]!.fare, adult!.offers[0]!.classes[0]!.fare);
});

test.serial('whoever shows a token is answered by query itself, and nobody else gets that answer', async (t) => {
  const url = stationsUrl(9);
  const own = { authorization: `Bearer ${await stack.token()}` };
  t.is(await askedBy(async () => {
    for (let index = 0; index < 3; index += 1) t.is((await read(url, own)).headers.get('cache-control'), 'no-store');
  }), 3);
  t.is(await askedBy(() => read(url)), 1, 'what was made for somebody is not kept for others');
  t.is(await askedBy(() => read(url, own)), 1, 'and what is kept for others is not given to somebody');
  t.is((await read(url, { authorization: 'Bearer nonsense' })).status, 401);
});

test.serial('refusals are not kept', async (t) => {
  const url = searchUrl({ date: '2020-01-01' });
  t.is(await askedBy(async () => {
    for (let index = 0; index < 3; index += 1) {
      const { status, headers, body } = await read(url);
      t.deepEqual([status, headers.get('cache-control')], [400, 'no-store']);
      t.regex(Buffer.from(body).toString(), /DATE_PAST/);
    }
  }), 3);
});

test.serial('a kept answer carries nothing of whom it was made for', async (t) => {
  const { headers } = await read(stationsUrl(11), { 'x-device-id': 'device-1', 'user-agent': 'somebody' });
  t.deepEqual([...headers.keys()].filter((name) => /ratelimit|cookie|x-envoy|x-account|grpc-(status|message)/.test(name)), []);
  t.is(headers.get('x-content-type-options'), 'nosniff');
  const again = await read(stationsUrl(11));
  t.not(again.headers.get('x-request-id'), headers.get('x-request-id'));
});

test.serial('reads of a person are asked by POST or with a token, and never kept', async (t) => {
  const message = Buffer.from(toBinary(GetOrderRequestSchema, create(GetOrderRequestSchema, { orderId: '1' }))).toString('base64url');
  const { status, headers } = await read(`${edge.url}/rail.order.v1.OrderService/GetOrder?connect=v1&encoding=proto&base64=1&message=${message}`, { authorization: `Bearer ${await stack.token()}` });
  t.true(status >= 400);
  t.is(headers.get('cache-control'), 'no-store');
});

test.serial('an edge in front of no query says so in the words of the product', async (t) => {
  const lonely = await startEdge({ env: stack.env, instead: { QUERY_PORT: 1 } });
  t.teardown(() => lonely.stop());
  const { status, body } = await read(stationsUrl(5).replace(edge.url, lonely.url));
  t.is(status, 503);
  t.regex(Buffer.from(body).toString(), /DEPENDENCY_UNAVAILABLE/);
});
