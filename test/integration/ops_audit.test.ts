// The audit of all services, searched by an operator: real tables behind real servers, of which some go away.
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { timestampDate, timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AuditService } from '#gen/rail/ops/v1/audit_pb.ts';
import { OpsService, type SearchAuditResponse } from '#gen/rail/ops/v1/ops_pb.ts';
import { writeAudits, type AuditEntry } from '#kit/audit/audit.ts';
import { auditService } from '#kit/audit/service.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import type { AnyHandler } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { kitTables } from '#kit/store/kit_tables.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { configSchema, start } from '../../services/ops/main.ts';
import { migrations } from '../../services/ops/store/migrations.ts';
import { freshDatabase, freshNats } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const caller_key = randomBytes(32);
const column_keys = { active: 'k1', keys: { k1: randomBytes(32).toString('base64') } };
const blind_index_key = randomBytes(32).toString('hex');
const keys = { keyring: createKeyring(column_keys), index: createBlindIndex(blind_index_key) };
const SERVICES = ['query', 'inventory', 'order', 'payment', 'ticketing', 'notification', 'identity', 'risk', 'aftersales'] as const;
const OPERATOR = '900';

type World = Awaited<ReturnType<typeof openWorld>>;

/** A service that has nothing but its audit; `mood` says how it answers. */
async function serveAudit(service: string) {
  const database = await freshDatabase();
  await migrate(database.url, [{ name: '0001_kit', up: kitTables({ audit: true }) }], { log: silentLog() });
  const db = await openDatabase({ url: database.url, service, log: silentLog() });
  const kept = auditService({ db, keys });
  const state: { mood: 'well' | 'ill' | 'silent' } = { mood: 'well' };
  const listAuditRecords: AnyHandler = (request, call) => {
    if (state.mood === 'ill') throw new Error('the shard is on fire');
    return state.mood === 'silent' ? new Promise(() => {}) : kept.handlers.listAuditRecords!(request, call);
  };
  const server = await startServer({ service, implementations: [{ ...kept, handlers: { listAuditRecords } }], auth: { caller_keys: [caller_key] }, log: silentLog() });
  const stop = async (): Promise<void> => {
    await server.stop();
    await db.close();
    await database.stop();
  };
  const write = (entries: readonly Partial<AuditEntry>[]) => db.transaction((tx) => writeAudits(tx, keys, entries.map((entry) => ({ actor_account: '7', actor_service: service, operation: 'order.Place', target: 'order/1', result: 'ok', time: new Date(), ...entry }))));
  return { address: server.address, state, write, stop, end: () => server.stop() };
}

async function openWorld() {
  const [database, nats, tokens, order, payment, others] = await Promise.all([freshDatabase(), freshNats(), startTokens(), serveAudit('order'), serveAudit('payment'), serveAudit('others')]);
  await migrate(database.url, migrations, { log: silentLog() });
  const own: Record<string, string> = { order: order.address, payment: payment.address };
  const addresses = Object.fromEntries(SERVICES.map((name) => [`${name.toUpperCase()}_ADDRESS`, own[name] ?? others.address]));
  const service = await start(readConfig(configSchema, {
    ...addresses, MYSQL_URL_OPS: database.url, NATS_URL: nats.url, NATS_TOKEN: nats.token, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'),
    COLUMN_KEYS: JSON.stringify(column_keys), BLIND_INDEX_KEY: blind_index_key,
  }));
  const ops = createClient(OpsService, { default_timeout_ms: 60_000, address: service.address, service: 'web' });
  const headers = async (account: Parameters<typeof tokens.headersFor>[0]): Promise<CallOptions> => ({ metadata: await tokens.headersFor(account) });
  const stop = async (): Promise<void> => {
    ops.close();
    await service.stop();
    await Promise.all([order.stop(), payment.stop(), others.stop(), tokens.stop()]);
    await Promise.all([database.stop(), nats.stop()]);
  };
  return {
    ops, order, payment, stop,
    operator: await headers({ account_id: OPERATOR, roles: ['operator'], device_id: 'desk-0001' }), traveller: await headers({ account_id: '1' }), partner: await headers({ account_id: '901', roles: ['operator'], tenant: 'agency' }),
  };
}

let world: World;
test.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.stop());

const search = (conditions: Parameters<World['ops']['searchAudit']>[0] = {}) => world.ops.searchAudit(conditions, world.operator);
const found = ({ records }: SearchAuditResponse) => records.map(({ service, operation, target }) => `${service} ${operation} ${target}`);
const reasonOf = async (call: Promise<unknown>): Promise<string | undefined> => call.then(() => undefined, (error: RpcError) => error.reason);

test.serial('records of several services are found by who, what, on what and when, newest first and masked', async (t) => {
  const at = (second: number) => new Date(Date.UTC(2026, 0, 15, 8, 0, second));
  await world.order.write([
    { actor_account: '4711', target: 'order/77', time: at(1), device_id: 'device-0123456789', ip: '203.0.113.77', request_id: 'r-1', version: 3n },
    { actor_account: '4712', operation: 'order.Cancel', target: 'order/77', time: at(3) },
  ]);
  await world.payment.write([{ actor_account: '4711', operation: 'payment.Pay', target: 'payment/9', time: at(2) }, { actor_account: '', operation: 'payment.Refund', target: 'order/77', time: at(4), result: 'GATEWAY_TIMEOUT' }]);
  const mine = await search({ accountId: '4711' });
  t.deepEqual(found(mine), ['payment payment.Pay payment/9', 'order order.Place order/77']);
  t.deepEqual([mine.nextPageToken, mine.missingServices], ['', []]);
  t.like(mine.records[1], { accountId: '4711', actor: 'order', deviceMasked: 'devi****', ipMasked: '203.0.*.*', result: 'ok', requestId: 'r-1', version: 3n, time: timestampFromDate(at(1)) });
  t.deepEqual(found(await search({ target: 'order/77', toTime: timestampFromDate(at(9)) })), ['payment payment.Refund order/77', 'order order.Cancel order/77', 'order order.Place order/77']);
  t.deepEqual(found(await search({ operation: 'order.Cancel' })), ['order order.Cancel order/77']);
  t.deepEqual(found(await search({ fromTime: timestampFromDate(at(2)), toTime: timestampFromDate(at(4)) })), ['order order.Cancel order/77', 'payment payment.Pay payment/9'], 'from then on, before then');
  t.deepEqual(found(await search({ accountId: '4711', operation: 'order.Cancel' })), [], 'all conditions hold');
});

test.serial('who searched, and for what, is in the audit itself', async (t) => {
  await search({ target: 'order/78' });
  await search({ accountId: '4713', operation: 'order.Place' });
  await search({ target: '张三 13800138000' });
  const { records } = await search({ accountId: OPERATOR, operation: 'audit.Search', pageSize: 3 });
  t.deepEqual(records.map(({ service, target, result, deviceMasked }) => [service, target, result, deviceMasked]), [['ops', 'audit by target', '0 found', 'desk****'], ['ops', 'account/4713', '0 found', 'desk****'], ['ops', 'order/78', '0 found', 'desk****']]);
});

test.serial('pages of all services together lose nothing and tell nothing twice, also of one moment', async (t) => {
  const entries = (count: number): Partial<AuditEntry>[] => Array.from({ length: count }, (_, index) => ({ operation: 'test.Paged', time: new Date(Date.UTC(2026, 1, 1, 0, 0, index % 5)) }));
  await Promise.all([world.order.write(entries(23)), world.payment.write(entries(9))]);
  const ids: string[] = [];
  const sizes: number[] = [];
  const times: number[] = [];
  for (let page_token = ''; sizes.length === 0 || page_token !== ''; ) {
    const page = await search({ operation: 'test.Paged', pageSize: 8, pageToken: page_token });
    ids.push(...page.records.map((record) => `${record.service} ${record.auditId}`));
    times.push(...page.records.map(({ time }) => timestampDate(time!).getTime()));
    sizes.push(page.records.length);
    page_token = page.nextPageToken;
  }
  t.deepEqual(sizes, [8, 8, 8, 8]);
  t.is(new Set(ids).size, 32);
  t.deepEqual(times, times.toSorted((a, b) => b - a));
});

test.serial('a service that fails, says nothing in time or has stopped is named, and the others answer', async (t) => {
  const time = new Date(Date.UTC(2026, 2, 1));
  await world.order.write([{ operation: 'test.Away', time }]);
  await world.payment.write([{ operation: 'test.Away', time }]);
  const asked = { operation: 'test.Away' };
  world.payment.state.mood = 'ill';
  const ill = await search(asked);
  t.deepEqual([found(ill), ill.missingServices], [['order test.Away order/1'], ['payment']]);
  world.payment.state.mood = 'silent';
  t.deepEqual((await search(asked)).missingServices, ['payment']);
  world.payment.state.mood = 'well';
  const whole = await search(asked);
  t.deepEqual([found(whole).toSorted(), whole.missingServices], [['order test.Away order/1', 'payment test.Away order/1'], []], 'the same page again brings them');
  await world.payment.end();
  const stopped = await search(asked);
  t.deepEqual([found(stopped), stopped.missingServices], [['order test.Away order/1'], ['payment']]);
});

test.serial('travellers and operators of partners are refused, and services are asked by ops only', async (t) => {
  t.is(await reasonOf(world.ops.searchAudit({}, world.traveller)), 'NOT_ALLOWED');
  t.is(await reasonOf(world.ops.searchAudit({}, world.partner)), 'NOT_ALLOWED');
  t.is(await reasonOf(world.ops.searchAudit({})), 'TOKEN_MISSING');
  for (const [service, reason] of [['ops', undefined], ['risk', 'NOT_ALLOWED'], ['aftersales', 'NOT_ALLOWED']] as const) {
    const audit = createClient(AuditService, { address: world.order.address, service, caller_key });
    t.is(await reasonOf(audit.listAuditRecords({})), reason, service);
    audit.close();
  }
  const outside = createClient(AuditService, { address: world.order.address, service: 'web' });
  t.is(await reasonOf(outside.listAuditRecords({})), 'TOKEN_MISSING');
  outside.close();
});

test.serial('conditions, sizes, tokens and times that are none are refused by name', async (t) => {
  const refusals: [Parameters<typeof search>[0], string][] = [
    [{ pageSize: 201 }, 'FIELD_INVALID page_size'],
    [{ pageToken: 'next' }, 'PAGE_TOKEN_INVALID '],
    [{ pageToken: 'ffffffff-ffff-7fff-bfff-ffffffffffff' }, 'PAGE_TOKEN_INVALID '],
    [{ fromTime: timestampFromMs(2000), toTime: timestampFromMs(2000) }, 'FIELD_INVALID to_time'],
    [{ fromTime: { seconds: -1n } }, 'FIELD_INVALID from_time'],
    [{ toTime: { seconds: 2n ** 50n } }, 'FIELD_INVALID to_time'],
    [{ accountId: "1' OR '1" }, 'FIELD_INVALID account_id'],
    [{ operation: '取消' }, 'FIELD_INVALID operation'],
    [{ target: 'x'.repeat(129) }, 'FIELD_INVALID target'],
  ];
  for (const [conditions, refusal] of refusals) t.is(await search(conditions).then(() => '', (error: RpcError) => `${error.reason} ${error.metadata.field ?? ''}`), refusal);
  t.deepEqual(found(await search({ target: '订单/1', pageToken: uuid7(systemClock, systemRandom), pageSize: 200 })), []);
});
