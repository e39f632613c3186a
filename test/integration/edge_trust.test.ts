/** Who may come in: tokens, forged identities, and methods that are not for the outside. */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFileRegistry, fromBinary, getOption } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { SignJWT } from 'jose';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { Access, rule } from '#gen/rail/options/v1/options_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { errorSpec, type ErrorReason } from '#kit/base/errors.ts';
import { createClient } from '#kit/rpc/client.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { DESCRIPTORS_PATH } from '../../envoy/contracts.ts';
import { RESERVED_HEADERS } from '../../envoy/routes.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { frame, h2 } from '../support/edge_raw.ts';
import { newId, startTestStack, type TestStack } from '../support/edge_stack.ts';
import { waysInto, type Way } from '../support/edge_ways.ts';

let stack: TestStack;
let ways: Way[];
let account: { token: string; account_id: string };

test.before(async () => {
  stack = await startTestStack({ sale_days: 0 });
  ways = waysInto({ url: stack.page, tls_url: stack.page_tls });
  await stack.liftLimits();
  account = await register();
});

test.after.always(async () => {
  for (const { close } of ways ?? []) close?.();
  await stack?.stop();
});

test.serial('a token that is not wholly right is refused, on public methods too', async (t) => {
  const { token } = stack;
  const good = await token();
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  const public_pem = createPublicKey(readFileSync(join(stack.env.SIGNING_KEYS_DIR!, 'jwt-k0001.pem'))).export({ type: 'spki', format: 'pem' });
  const symmetric = await new SignJWT({ sub: account.account_id }).setProtectedHeader({ alg: 'HS256', kid: 'k0001' }).setIssuer('chunyun').setAudience('chunyun').setExpirationTime('1h').sign(Buffer.from(public_pem));
  const operator = Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), roles: ['operator'] })).toString('base64url');
  const bad: [string, string, ErrorReason][] = [
    ['expired', `Bearer ${await token({ expires_in_s: -60 })}`, 'TOKEN_EXPIRED'],
    ['without an end', `Bearer ${await token({ claims: { exp: undefined } })}`, 'TOKEN_INVALID'],
    ['for another audience', `Bearer ${await token({ claims: { aud: 'elsewhere' } })}`, 'TOKEN_INVALID'],
    ['of another issuer', `Bearer ${await token({ claims: { iss: 'elsewhere' } })}`, 'TOKEN_INVALID'],
    ['of an unknown key', `Bearer ${await token({ header: { kid: 'k9999' } })}`, 'TOKEN_INVALID'],
    ['with another payload', `Bearer ${header}.${operator}.${signature}`, 'TOKEN_INVALID'],
    ['with another signature', `Bearer ${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`, 'TOKEN_INVALID'],
    ['without a signature', `Bearer ${header}.${payload}.`, 'TOKEN_INVALID'],
    ['of algorithm none', `Bearer ${none}.${payload}.`, 'TOKEN_INVALID'],
    ['signed with the public key', `Bearer ${symmetric}`, 'TOKEN_INVALID'],
    ['that is none', 'Bearer token', 'TOKEN_INVALID'],
    ['that is empty', 'Bearer', 'TOKEN_INVALID'],
    // A scheme that a service would understand and the edge would not count by account.
    ['of a scheme in small letters', `bearer ${good}`, 'TOKEN_INVALID'],
    ['of another scheme', `Basic ${good}`, 'TOKEN_INVALID'],
    ['after another', `Bearer x, Bearer ${good}`, 'TOKEN_INVALID'],
  ];
  for (const { name, unary } of ways) {
    for (const [what, authorization, reason] of bad) {
      for (const outcome of [await unary(IdentityService.method.getAccount, {}, { authorization }), await unary(QueryService.method.suggestStations, { text: '北京' }, { authorization })]) {
        const refusal = 'refusal' in outcome ? outcome.refusal : undefined;
        t.deepEqual([refusal?.code, refusal?.reason], ['UNAUTHENTICATED', reason], `a token ${what} by ${name}`);
        if (refusal?.http_status !== undefined) t.is(refusal.http_status, 401);
      }
    }
  }
});

test.serial('no token will do where none is needed, and only there', async (t) => {
  for (const { name, unary } of ways) {
    t.true('answer' in (await unary(QueryService.method.suggestStations, { text: '北京' })), name);
    const outcome = await unary(IdentityService.method.getAccount, {});
    t.is('refusal' in outcome ? outcome.refusal.reason : undefined, 'TOKEN_MISSING', name);
    const mine = await unary(IdentityService.method.getAccount, {}, { authorization: `Bearer ${account.token}` });
    t.is('answer' in mine ? mine.answer.account?.accountId : undefined, account.account_id, name);
  }
});

test.serial('who says it is somebody by headers is nobody', async (t) => {
  const other = await register();
  const forged: Record<string, string> = { ...Object.fromEntries(RESERVED_HEADERS.map((name) => [name, name.endsWith('-bin') ? 'AAAA' : other.account_id])), 'x-roles': 'operator', 'x-envoy-retry-on': '5xx', 'x-envoy-upstream-rq-timeout-ms': '1' };
  for (const { name, unary } of ways) {
    const nobody = await unary(IdentityService.method.getAccount, {}, forged);
    t.is('refusal' in nobody ? nobody.refusal.reason : undefined, 'TOKEN_MISSING', name);
    const mine = await unary(IdentityService.method.getAccount, {}, { ...forged, authorization: `Bearer ${account.token}` });
    t.is('answer' in mine ? mine.answer.account?.accountId : undefined, account.account_id, name);
    const operator = await unary(QueryService.method.syncTimetable, { requestId: newId() }, { ...forged, authorization: `Bearer ${account.token}` }).catch(() => undefined);
    if (name !== 'JSON') t.is(operator !== undefined && 'refusal' in operator ? operator.refusal.reason : undefined, 'NOT_ALLOWED', name);
  }
  // Underscores are dashes to some programs behind us.
  const underscored = await fetch(`${stack.page}/v1/account`, { headers: { x_account_id: account.account_id } });
  t.is(underscored.status, 400);
});

test.serial('even the real key of our services opens nothing from outside', async (t) => {
  const caller_key = Buffer.from(stack.env.CALLER_KEY!.split(',')[0]!, 'hex');
  const address = new URL(stack.page).host;
  const identity = createClient(IdentityService, { default_timeout_ms: 60_000, address, service: 'order', caller_key });
  const order = createClient(OrderService, { default_timeout_ms: 60_000, address, service: 'payment', caller_key });
  t.teardown(() => (identity.close(), order.close()));
  const resolving = await t.throwsAsync<RpcError>(identity.resolvePassengers({ accountId: account.account_id, inClear: true }));
  t.is(resolving.code, 'UNIMPLEMENTED');
  const reading = await t.throwsAsync<RpcError>(order.getOrder({ orderId: '1' }));
  t.is(reading.reason, 'TOKEN_MISSING');
});

test.serial('methods for services only cannot be reached in any protocol', async (t) => {
  const paths = servicesOnly();
  t.true(paths.length > 20 && paths.includes('/rail.inventory.v1.InventoryService/HoldSeats'), paths.join(' '));
  const forms: [string, Record<string, string>][] = [
    ['gRPC', { 'content-type': 'application/grpc', te: 'trailers' }],
    ['gRPC-Web', { 'content-type': 'application/grpc-web+proto' }],
    ['Connect', { 'content-type': 'application/proto', 'connect-protocol-version': '1' }],
    ['Connect stream', { 'content-type': 'application/connect+proto', 'connect-protocol-version': '1' }],
    ['JSON', { 'content-type': 'application/json' }],
  ];
  for (const path of [...paths, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo', '/grpc.health.v1.Health/Check', '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit']) {
    for (const [name, headers] of forms) {
      const { status, headers: answer, body } = await h2(stack.page, { ':path': path, authorization: `Bearer ${account.token}`, ...headers }, frame(new Uint8Array()));
      const refused = answer['grpc-status'] === '12' || status === 404 || status === 415 || (status === 200 && body.includes('"code":"unimplemented"'));
      t.true(refused, `${path} by ${name}: ${status} ${JSON.stringify(answer)}`);
    }
    const got = await fetch(`${stack.page}${path}?connect=v1&encoding=proto&message=`);
    t.is(got.status, path.startsWith('/envoy.') ? 200 : 404, path);
    if (got.status === 200) t.true((await got.text()).startsWith('<!doctype html>'));
  }
});

test.serial('no odd spelling of a path leads to them either', async (t) => {
  const service = '/rail.inventory.v1.InventoryService';
  const spellings = [
    `/${service}/HoldSeats`, `${service}//HoldSeats`, `${service}/HoldSeats/`, `${service}%2FHoldSeats`, `${service}%2fHoldSeats`, `${service}%5cHoldSeats`, `${service}\\HoldSeats`,
    `/.${service}/HoldSeats`, `/x/..${service}/HoldSeats`, `/assets/..${service}/HoldSeats`, `/v1/..${service}/HoldSeats`, `/assets/%2e%2e${service}/HoldSeats`, `${service}/./HoldSeats`,
    `${service}/HoldSeats;x=1`, `${service}/HoldSeats?x=1`, `${service}/HoldSeats#x`, `/%72ail.inventory.v1.InventoryService/HoldSeats`, `${service}/%48oldSeats`, `${service}/holdSeats`, service.toUpperCase() + '/HOLDSEATS',
    `/v1${service}/HoldSeats`, `/v1/${service}/HoldSeats`, '/v1/seats:hold', '/v1/inventory:hold', `${service}.HoldSeats`, `/api${service}/HoldSeats`,
    `/rail.query.v1.QueryService/..${service}/HoldSeats`,
  ];
  for (const path of spellings) {
    for (const kind of ['application/grpc', 'application/json']) {
      const answer = await h2(stack.page, { ':path': path, 'content-type': kind, te: 'trailers' }, frame(new Uint8Array())).catch(() => undefined);
      const refused = answer === undefined || answer.headers['grpc-status'] === '12' || [400, 404, 415].includes(answer.status) || answer.headers['grpc-status'] === '3';
      t.true(refused, `${path}: ${answer?.status} ${JSON.stringify(answer?.headers)}`);
    }
  }
  t.regex(await metrics(), /^rpc_server/m);
  t.notRegex(await metrics(), /HoldSeats/);
});

test.serial('writes cannot be made by opening a URL', async (t) => {
  const url = `${stack.page}/rail.identity.v1.IdentityService/LogOut?connect=v1&encoding=proto&message=`;
  const answer = await fetch(url, { headers: { authorization: `Bearer ${account.token}` } });
  t.is(answer.status, 404);
});

test.serial('when the keys cannot be had, nobody is called signed out', async (t) => {
  const edge: Edge = await startEdge({ env: stack.env, instead: { IDENTITY_HTTP_PORT: 9 } });
  t.teardown(() => edge.stop());
  for (const { name, unary, close } of waysInto(edge)) {
    const outcome = await unary(IdentityService.method.getAccount, {}, { authorization: `Bearer ${account.token}` });
    const refusal = 'refusal' in outcome ? outcome.refusal : undefined;
    t.deepEqual([refusal?.code, refusal?.reason, refusal?.retry_after_ms], ['UNAVAILABLE', 'DEPENDENCY_UNAVAILABLE', 1000], name);
    if (refusal?.http_status !== undefined) t.is(refusal.http_status, errorSpec('DEPENDENCY_UNAVAILABLE').http_status);
    t.true('answer' in (await unary(QueryService.method.suggestStations, { text: '北京' })), name);
    close?.();
  }
});

function servicesOnly(): string[] {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS_PATH)));
  return [...registry]
    .filter((type) => type.kind === 'service' && type.typeName.startsWith('rail.'))
    .flatMap((service) => (service.kind === 'service' ? service.methods : []))
    .filter((method) => getOption(method, rule).access.every((access) => access === Access.SERVICE))
    .map((method) => `/${method.parent.typeName}/${method.name}`);
}

/** What all services count, by method. */
async function metrics(): Promise<string> {
  const ports = JSON.parse(readFileSync(stack.folder.ports, 'utf8')) as Record<string, number>;
  return (await fetch(`http://127.0.0.1:${ports.services_metrics}/metrics`)).text();
}

async function register(): Promise<{ token: string; account_id: string }> {
  const outcome = await ways[0]!.unary(IdentityService.method.register, { requestId: newId(), loginName: `t_${newId().replaceAll('-', '').slice(-20)}`, password: 'spring-2027', phone: '13800138000' });
  if (!('answer' in outcome)) throw new Error(JSON.stringify(outcome));
  return { token: outcome.answer.tokens!.accessToken, account_id: outcome.answer.account!.accountId };
}
