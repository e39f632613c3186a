/** While order has more submissions than it can answer, the edge refuses most of them by itself, in everybody's own words. */
import test from 'ava';
import { RateLimitResponse_Code, RateLimitService } from '#gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { fail } from '#kit/base/result.ts';
import { Access } from '#kit/rpc/access.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { SERVICE_NAMES } from '../../scripts/stack/services.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { newId } from '../support/edge_stack.ts';
import { waysInto, type Outcome, type Way } from '../support/edge_ways.ts';
import { startTokens, TEST_AUDIENCE, TEST_ISSUER, type TokenServer } from '../support/tokens.ts';

const { submitOrder, getOrder } = OrderService.method;
const ASKED_MAX = 3000;

let tokens: TokenServer;
let server: Awaited<ReturnType<typeof startServer>>;
let edge: Edge;
let ways: Way[];
let headers: Record<string, string>;
let crowded = false;
/** Submissions that reached order. */
let reached = 0;

test.before(async () => {
  tokens = await startTokens();
  const limits = implement(RateLimitService, { shouldRateLimit: () => ({ overallCode: RateLimitResponse_Code.OK }) }, { foreign_rule: { access: [Access.PUBLIC] } });
  const token = { jwks: new URL(tokens.jwks_url), issuer: TEST_ISSUER, audience: TEST_AUDIENCE };
  server = await startServer({ service: 'order', auth: { token }, log: silentLog(), implementations: [implement(OrderService, crowdedOrder()), limits] });
  const jwks_port = new URL(tokens.jwks_url).port;
  const env = Object.fromEntries([
    ...SERVICE_NAMES.map((name) => [`${name.toUpperCase()}_PORT`, String(server.port)]),
    ...['IDENTITY', 'PAYMENT', 'NOTIFICATION'].map((name) => [`${name}_HTTP_PORT`, jwks_port]),
  ]) as Record<string, string>;
  edge = await startEdge({ env });
  ways = waysInto(edge).filter(({ name }) => name !== 'Connect GET');
  headers = await tokens.headersFor({ account_id: '7' });
});

test.after.always(async () => {
  for (const { close } of ways ?? []) close?.();
  await edge?.stop();
  await server?.stop();
  await tokens?.stop();
});

test.serial('what order can take passes, and what it refuses is refused in its own words', async (t) => {
  for (const way of ways) t.true('answer' in (await submit(way)), way.name);
  crowded = true;
  for (const way of ways.slice(0, 1)) {
    const { refusal } = (await submit(way)) as Refused;
    t.deepEqual([refusal.reason, refusal.retry_after_ms], ['OVERLOADED', 700]);
    t.deepEqual(refusal.header_names.filter((name) => name === 'x-overloaded'), [], 'what the edge is told is for the edge');
  }
});

test.serial('while order refuses, the edge does most of it, and tells everybody in their own protocol when to come back', async (t) => {
  crowded = true;
  for (const way of ways) {
    const { refusal } = await refusedByEdge(way);
    t.deepEqual([way.name, refusal.code, refusal.reason, refusal.retry_after_ms], [way.name, 'RESOURCE_EXHAUSTED', 'OVERLOADED', 2000]);
    t.truthy(refusal.sentences['en'] ?? refusal.sentences['zh-CN'], way.name);
    if (refusal.http_status !== undefined) t.is(refusal.http_status, 429);
  }
  t.true(await soonMostlyRefusedByEdge(), `half of ${ASKED_MAX} and more reached order`);
});

test.serial('nobody else is refused meanwhile', async (t) => {
  crowded = true;
  await refusedByEdge(ways[0]!);
  for (const way of ways) t.true('answer' in (await way.unary(getOrder, { orderId: '1' }, headers)), way.name);
});

test.serial('once order can answer again, the edge lets everybody in again', async (t) => {
  crowded = false;
  for (const way of ways) {
    let let_in = 0;
    for (let turn = 0; turn < ASKED_MAX && let_in < 20; turn += 1) let_in = 'answer' in (await submit(way)) ? let_in + 1 : 0;
    t.is(let_in, 20, way.name);
  }
});

type Refused = Extract<Outcome<unknown>, { refusal: unknown }>;

function submit(way: Way): Promise<Outcome<unknown>> {
  return way.unary(submitOrder, { requestId: newId(), runId: 'G1.20270101' }, headers);
}

/** The first refusal that order knows nothing of. */
async function refusedByEdge(way: Way): Promise<Refused> {
  for (let turn = 0; turn < ASKED_MAX; turn += 1) {
    const before = reached;
    const outcome = await submit(way);
    if (reached === before && 'refusal' in outcome) return outcome;
  }
  throw new Error(`${way.name}: the edge refuses nobody`);
}

/** Whether of two hundred submissions in a row fewer than half reach order: the share that the edge lets in takes its time to shrink, and each worker has its own. */
async function soonMostlyRefusedByEdge(): Promise<boolean> {
  for (let asked = 0; asked < ASKED_MAX; asked += 200) {
    const before = reached;
    for (let turn = 0; turn < 200; turn += 1) await submit(ways[turn % ways.length]!);
    if (reached - before < 100) return true;
  }
  return false;
}

function crowdedOrder(): Handlers<typeof OrderService> {
  const none = (): never => unwrap(fail('NOT_IMPLEMENTED'));
  const handlers = Object.fromEntries(OrderService.methods.map((method) => [method.localName, none]));
  return {
    ...(handlers as unknown as Handlers<typeof OrderService>),
    submitOrder() {
      reached += 1;
      return crowded ? unwrap(fail('OVERLOADED', { retry_after_ms: 700 })) : {};
    },
    getOrder: () => ({}),
  };
}
