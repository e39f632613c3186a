/** How often somebody may ask: exact over two edges, told when to come back, and what happens while the limiter is away. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import test from 'ava';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { readStatus } from '../../scripts/stack/folder.ts';
import { ask, BURST, exact, PER_S, unlimited, type Admin } from '../support/edge_pace.ts';
import { newAccountId, newId, startTestStack, type TestStack } from '../support/edge_stack.ts';
import { waysInto, type Way } from '../support/edge_ways.ts';

const device = newId();

let stack: TestStack;
let limiter: Proxy;
let second: Edge;
let edges: Admin[];
let ways: Way[];
let ways_of_second: Way[];

test.before(async () => {
  stack = await startTestStack({ sale_days: 0 });
  limiter = await startProxy(Number(stack.env.RISK_PORT));
  second = await startEdge({ env: stack.env, instead: { RISK_PORT: limiter.port } });
  edges = [{ admin_url: `http://${readStatus(stack.folder.name)!.addresses.edge_admin!}` }, second];
  ways = waysInto({ url: stack.page, tls_url: stack.page_tls });
  ways_of_second = waysInto(second);
});

test.after.always(async () => {
  for (const { close } of [...(ways ?? []), ...(ways_of_second ?? [])]) close?.();
  await second?.stop();
  await limiter?.stop();
  await stack?.stop();
});

test.serial('an account gets its burst and then three a second, whatever way and whatever connection', async (t) => {
  const authorization = `Bearer ${await stack.token({ account_id: newAccountId() })}`;
  await exact(t, (turn) => ask(ways[turn % ways.length]!, { authorization }), undefined, edges);
});

test.serial('a device gets the same, also over two edges', async (t) => {
  const both = [ways[0]!, ways_of_second[0]!, ways[3]!, ways_of_second[6]!];
  await exact(t, (turn) => ask(both[turn % both.length]!, { 'x-device-id': device }), undefined, edges);
});

test.serial('an account over two edges, and whatever device it claims to be', async (t) => {
  const authorization = `Bearer ${await stack.token({ account_id: newAccountId(), device_id: newId() })}`;
  await exact(t, (turn) => ask((turn % 2 === 0 ? ways : ways_of_second)[0]!, { authorization, 'x-device-id': `${device}-${turn}` }), undefined, edges);
});

test.serial('a token is counted for the device that it is bound to', async (t) => {
  const device_id = newId();
  // Two accounts on one device get no more than one device; less, as what one bucket refuses has taken from the other.
  const headers = await Promise.all([0, 1].map(async () => ({ authorization: `Bearer ${await stack.token({ account_id: newAccountId(), device_id })}`, 'x-device-id': newId() })));
  await exact(t, (turn) => ask(ways[0]!, headers[turn % 2]!), BURST, edges);
});

test.serial('many at once get no more than the burst', async (t) => {
  const authorization = `Bearer ${await stack.token({ account_id: newAccountId() })}`;
  const late_before = await unlimited(edges);
  const begin_ms = performance.now();
  const outcomes = await Promise.all(Array.from({ length: 60 }, (_, turn) => ask(turn % 2 === 0 ? ways[0]! : ways_of_second[0]!, { authorization })));
  const allowed = outcomes.filter((outcome) => outcome === undefined).length;
  const most = BURST + Math.ceil(((performance.now() - begin_ms) / 1000) * PER_S) + (await unlimited(edges)) - late_before;
  t.true(allowed >= BURST && allowed <= most, `${allowed} of at most ${most}`);
});

test.serial('a refusal says when to come back, to everybody in their own way', async (t) => {
  for (const way of ways) {
    const headers = { authorization: `Bearer ${await stack.token({ account_id: newAccountId() })}` };
    let refusal;
    for (let turn = 0; refusal === undefined && turn < 100; turn++) refusal = await ask(way, headers);
    t.deepEqual([refusal?.code, refusal?.reason], ['RESOURCE_EXHAUSTED', 'THROTTLED'], way.name);
    // A token flows in each third of a second.
    t.true(refusal!.retry_after_ms! > 0 && refusal!.retry_after_ms! <= 1000 / PER_S + 1, `${way.name}: ${refusal!.retry_after_ms}`);
    t.truthy(refusal!.sentences.en ?? refusal!.sentences['zh-CN']);
    if (refusal!.http_status !== undefined) t.is(refusal!.http_status, 429);
    t.deepEqual(refusal!.header_names.filter((name) => name.startsWith('x-edge-')), [], way.name);
    await new Promise((resolve) => setTimeout(resolve, refusal!.retry_after_ms!));
    t.is(await ask(way, headers), undefined, `${way.name} came back in time`);
  }
  const authorization = `Bearer ${await stack.token({ account_id: newAccountId() })}`;
  const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${stack.page}/v1/stations:suggest?text=x`, { headers: { authorization } })));
  const refused = answers.filter((answer) => answer.status === 429);
  t.true(refused.length > 0);
  for (const answer of refused) t.is(answer.headers.get('retry-after'), '1');
});

for (const [how, away] of [['gone', () => limiter.refuse()], ['silent', () => limiter.silence()]] as const) {
  test.serial(`while the limiter is ${how}, reads pass and writes are refused, in every protocol`, async (t) => {
    away();
    t.teardown(() => limiter.serve());
    for (const { name, unary } of ways_of_second) {
      const read = await unary(QueryService.method.suggestStations, { text: 'bj' });
      t.true('answer' in read, `${name}: ${'refusal' in read ? JSON.stringify(read.refusal) : ''}`);
      for (const write of [await unary(IdentityService.method.logIn, { loginName: 'somebody', password: 'spring-2027' }), await unary(OrderService.method.submitOrder, { requestId: newId() })]) {
        const refusal = 'refusal' in write ? write.refusal : undefined;
        t.deepEqual([refusal?.code, refusal?.reason, refusal?.retry_after_ms], ['UNAVAILABLE', 'DEPENDENCY_UNAVAILABLE', 1000], name);
        if (refusal?.http_status !== undefined) t.is(refusal.http_status, 503);
      }
    }
    limiter.serve();
    // Envoy looks at its limiter every few seconds.
    for (;;) {
      const outcome = await ways_of_second[0]!.unary(IdentityService.method.logIn, { loginName: 'nobody_at_all', password: 'spring-2027' });
      if ('refusal' in outcome && outcome.refusal.reason !== 'DEPENDENCY_UNAVAILABLE') break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    t.pass();
  });
}

test.serial('an address gets far more than a person, as much as operators say', async (t) => {
  // Nobody signed in, no device named: only the address is counted.
  const nobody = (): Promise<unknown> => ask(ways[0]!, {});
  t.deepEqual((await Promise.all(Array.from({ length: 100 }, nobody))).filter((refusal) => refusal !== undefined), []);

  await stack.setConfig('limits.edge.remote_address', { per_s: PER_S, burst: BURST });
  while ((await nobody()) === undefined);
  await new Promise((resolve) => setTimeout(resolve, (BURST / PER_S) * 1000 + 500));
  await exact(t, nobody, undefined, edges);
});

type Proxy = { port: number; serve(): void; refuse(): void; silence(): void; stop(): Promise<void> };

/** Stands before the limiter, which shares its process with others: passes on, hangs up, or says nothing. */
async function startProxy(target: number): Promise<Proxy> {
  let mode: 'serve' | 'refuse' | 'silence' = 'serve';
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {}).on('close', () => sockets.delete(client));
    if (mode === 'refuse') return void client.destroy();
    const upstream = connect(target, '127.0.0.1');
    sockets.add(upstream);
    upstream.on('error', () => client.destroy()).on('close', () => (sockets.delete(upstream), client.destroy()));
    client.on('close', () => upstream.destroy());
    client.on('data', (data) => mode === 'serve' && upstream.write(data));
    upstream.on('data', (data) => mode === 'serve' && client.write(data));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  return {
    port: (server.address() as AddressInfo).port,
    serve() {
      if (mode !== 'serve') cut();
      mode = 'serve';
    },
    refuse() {
      mode = 'refuse';
      cut();
    },
    silence() {
      mode = 'silence';
    },
    async stop() {
      cut();
      server.close();
    },
  };
}
