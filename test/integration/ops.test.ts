import { randomBytes } from 'node:crypto';
import test from 'ava';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { DescService } from '@bufbuild/protobuf';
import { HousekeepingService } from '#gen/rail/ops/v1/housekeeping_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { JobState, OpsService } from '#gen/rail/ops/v1/ops_pb.ts';
import { OrderService, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentService, PaymentState } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { TicketingService } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { openBus } from '#kit/bus/bus.ts';
import { startConsumer, TerminalError } from '#kit/bus/consumer.ts';
import { appendEvents } from '#kit/bus/outbox.ts';
import { startRelay } from '#kit/bus/relay.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
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
const id = (): string => uuid7(systemClock, systemRandom);
const reason = (error: RpcError | undefined) => error?.reason;

/** Peers answer what the test tells them; a method nobody set is not asked. */
function peer(service: DescService, answers: Record<string, (request: never) => unknown>): Implementation {
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  return implement(service, { ...Object.fromEntries(service.methods.map((method) => [method.localName, unused])), ...answers } as never);
}

const DIFFERENCE = { runId: 'G1.20260115', seat: '', holdId: 'h', orderId: '7', kind: 'ORDER_WITHOUT_HOLD', repaired: false, explanation: 'item 1 is SUCCESS, the ledger has no such hold' };
const opened: string[] = [];
let letInventoryGo: (() => void) | undefined;

/** What each service still has to archive; all of them stand behind one address here. */
let left_to_archive = 0;
let old_days = 0;
const republished: { stream: string; pageToken: string; bucket: number | undefined }[] = [];

function peers(): Implementation[] {
  return [
    peer(HousekeepingService, {
      archiveRequestIds: ({ limit }: { limit: number }) => {
        const archived = Math.min(limit, left_to_archive);
        left_to_archive -= archived;
        return { archived, deleted: 0 };
      },
      republishEvents: ({ stream, pageToken, bucket }: (typeof republished)[number]) => {
        republished.push({ stream, pageToken, bucket });
        return pageToken === '' ? { published: 200, nextPageToken: '7.31' } : { published: 5, nextPageToken: '' };
      },
    }),
    peer(QueryService, { syncTimetable: () => ({ active: { version: 'tt-1', stationCount: 2, trainCount: 1 }, changed: true }) }),
    peer(InventoryService, {
      openRuns: ({ serviceDate }: { serviceDate: string }) => (opened.push(serviceDate), { opened: 3, alreadyOpen: 1, refused: [] }),
      reconcile: () => new Promise((resolve) => (letInventoryGo = () => resolve({ runsChecked: 9, differences: [DIFFERENCE, { ...DIFFERENCE, repaired: true }], differencesOmitted: 0 }))),
      rebuildBuckets: () => {
        throw new Error('the shard is on fire');
      },
    }),
    peer(OrderService, {
      archiveOrders: ({ limit }: { limit: number }) => {
        const days = Math.min(limit, old_days);
        old_days -= days;
        return { orders: 0, entries: 0, days, deleted: 0 };
      },
      getOrderTimeline: () => ({
        order: { orderId: '7', state: OrderState.TICKETING },
        entries: [{ time: timestampFromMs(2000), from: OrderState.WAIT_PAY, to: OrderState.PAID, cause: 'payment 9 succeeded', version: 2n }, { time: timestampFromMs(1000), from: 0, to: OrderState.WAIT_PAY, cause: 'placed', version: 1n }],
      }),
    }),
    peer(PaymentService, { listPayments: () => ({ payments: [{ paymentId: '9', state: PaymentState.SUCCEEDED, paymentChannel: 'alipay', payTime: timestampFromMs(1500) }], refunds: [] }) }),
    peer(TicketingService, {
      listTickets: () => {
        throw new Error('away');
      },
    }),
    peer(NotificationService, { listDeliveries: () => ({ deliveries: [] }) }),
  ];
}

async function startAll() {
  const [database, events, nats, tokens] = await Promise.all([freshDatabase(), freshDatabase(), freshNats(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  await migrate(events.url, [{ name: '0001_kit', up: kitTables({ outbox: true, inbox: true }) }], { log: silentLog() });
  const server = await startServer({ service: 'peers', implementations: peers(), auth: { caller_keys: [caller_key] }, log: silentLog() });
  const addresses = Object.fromEntries(['QUERY', 'INVENTORY', 'ORDER', 'PAYMENT', 'TICKETING', 'NOTIFICATION', 'IDENTITY', 'RISK'].map((name) => [`${name}_ADDRESS`, server.address]));
  const config = readConfig(configSchema, {
    ...addresses, MYSQL_URL_OPS: database.url, NATS_URL: nats.url, NATS_TOKEN: nats.token, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
  });
  const service = await start(config);
  const ops = createClient(OpsService, { default_timeout_ms: 60_000, address: service.address, service: 'web' });
  const db = await openDatabase({ url: events.url, service: 'order', log: silentLog() });
  const bus = await openBus({ url: nats.url, token: nats.token, service: 'order', log: silentLog() });
  const operator: CallOptions = { metadata: await tokens.headersFor({ account_id: '900', roles: ['operator'] }) };
  const traveller: CallOptions = { metadata: await tokens.headersFor({ account_id: '1' }) };
  const stop = async (): Promise<void> => {
    ops.close();
    await service.stop();
    await Promise.all([server.stop(), bus.close(), db.close(), tokens.stop()]);
    await Promise.all([database.stop(), events.stop(), nats.stop()]);
  };
  return { ops, operator, traveller, db, bus, stop };
}

let stack: Awaited<ReturnType<typeof startAll>>;
test.before(async () => {
  stack = await startAll();
});
test.after.always(() => stack?.stop());

async function ended(run_id: string) {
  for (let tries = 0; tries < 400; tries++) {
    const { run } = await stack.ops.getJobRun({ runId: run_id }, stack.operator);
    if (run!.state !== JobState.RUNNING) return run!;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the job did not end');
}

test('a job is run by hand, tells its progress and its report, and once per request id', async (t) => {
  const request = { requestId: id(), jobId: 'open-sales' };
  const first = await stack.ops.runJob(request, stack.operator);
  t.is((await stack.ops.runJob(request, stack.operator)).run!.runId, first.run!.runId);
  const run = await ended(first.run!.runId);
  t.is(run.state, JobState.SUCCEEDED);
  t.is(run.progressPercent, 100);
  t.is((JSON.parse(run.reportJson) as unknown[]).length, 15);
  t.deepEqual(opened, opened.toSorted());
  const { jobs } = await stack.ops.listJobs({}, stack.operator);
  t.is(jobs.find((job) => job.jobId === 'open-sales')!.lastRun!.runId, run.runId);
  t.true(jobs.filter((job) => job.schedule !== '').every((job) => job.nextRunTime !== undefined));
});

test('a job runs once at a time, and a failed one says why and can be run again', async (t) => {
  const first = await stack.ops.runJob({ requestId: id(), jobId: 'reconcile-inventory' }, stack.operator);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.runJob({ requestId: id(), jobId: 'reconcile-inventory' }, stack.operator))), 'JOB_RUNNING');
  while (letInventoryGo === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  letInventoryGo();
  const named = { kind: 'ORDER_WITHOUT_HOLD', run_id: 'G1.20260115', seat: '', hold_id: 'h', order_id: '7', repaired: false, explanation: DIFFERENCE.explanation };
  t.deepEqual(JSON.parse((await ended(first.run!.runId)).reportJson), {
    runs_checked: 9,
    kinds: { ORDER_WITHOUT_HOLD: { found: 2, repaired: 1 } },
    differences: [named, { ...named, repaired: true }],
    differences_omitted: 0,
  });
  const failing = await stack.ops.runJob({ requestId: id(), jobId: 'rebuild-inventory' }, stack.operator);
  const run = await ended(failing.run!.runId);
  t.is(run.state, JobState.FAILED);
  t.not(run.error, '');
  t.not((await stack.ops.runJob({ requestId: id(), jobId: 'rebuild-inventory' }, stack.operator)).run!.runId, run.runId);
});

test('jobs are for operators, and unknown ones and bad arguments are refused', async (t) => {
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.listJobs({}, stack.traveller))), 'NOT_ALLOWED');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.runJob({ requestId: id(), jobId: 'dance' }, stack.operator))), 'JOB_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.runJob({ requestId: id(), jobId: 'open-sales', argumentsJson: '[1]' }, stack.operator))), 'FIELD_INVALID');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.runJob({ requestId: 'x', jobId: 'sync-timetable' }, stack.operator))), 'REQUEST_ID_INVALID');
});

test.serial('a dead letter is listed with its reason, replayed to its consumer, and discarded with one', async (t) => {
  let poisonous = true;
  const handled: string[] = [];
  const consumer = await startConsumer({
    nats: stack.bus, db: stack.db, stream: 'ORDER', durable: 'ops-test', service: 'test', log: silentLog(),
    async handle(event) {
      if (poisonous) throw new TerminalError('cannot be read');
      handled.push(event.event_id);
    },
  });
  const relay = startRelay({ db: stack.db, nats: stack.bus, log: silentLog(), service: 'order' });
  const ids = [id(), id()];
  await stack.db.transaction((tx) => appendEvents(tx, ids.map((event_id) => ({ stream: 'ORDER' as const, event_id, type: 'rail.event.v1.OrderPaid', version: 1n, key: '7', occurred_at: new Date(), payload: new Uint8Array([1]) }))));
  const list = () => stack.ops.listDeadLetters({ consumer: 'ops-test' }, stack.operator);
  let letters = (await list()).deadLetters;
  while (letters.length < 2) letters = (await list()).deadLetters;
  t.true(letters.every((letter) => letter.reason.includes('cannot be read') && letter.key === '7'));
  poisonous = false;
  t.is((await stack.ops.replayDeadLetters({ requestId: id(), deadLetterIds: [letters[0]!.deadLetterId] }, stack.operator)).replayed, 1);
  while (handled.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.deepEqual(handled, [letters[0]!.eventId]);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.discardDeadLetters({ requestId: id(), deadLetterIds: [letters[1]!.deadLetterId], reason: ' ' }, stack.operator))), 'FIELD_INVALID');
  t.is((await stack.ops.discardDeadLetters({ requestId: id(), deadLetterIds: [letters[1]!.deadLetterId], reason: 'a test' }, stack.operator)).discarded, 1);
  t.is((await list()).total, 0n);
  await relay.stop();
  await consumer.stop();
});

/** A consumer that refuses everything until it is told otherwise, and letters of it. */
async function deadLetters(durable: string, count: number) {
  const state = { poisonous: true, handled: [] as string[] };
  const consumer = await startConsumer({
    nats: stack.bus, db: stack.db, stream: 'ORDER', durable, service: 'test', log: silentLog(),
    async handle(event) {
      if (event.key !== durable) return;
      if (state.poisonous) throw new TerminalError('cannot be read');
      state.handled.push(event.event_id);
    },
  });
  const relay = startRelay({ db: stack.db, nats: stack.bus, log: silentLog(), service: 'order' });
  const ids = Array.from({ length: count }, id);
  await stack.db.transaction((tx) => appendEvents(tx, ids.map((event_id) => ({ stream: 'ORDER' as const, event_id, type: 'rail.event.v1.OrderPaid', version: 1n, key: durable, occurred_at: new Date(), payload: new Uint8Array([1]) }))));
  const total = async () => (await stack.ops.listDeadLetters({ consumer: durable, pageSize: 1 }, stack.operator)).total;
  while ((await total()) < BigInt(count)) await new Promise((resolve) => setTimeout(resolve, 20));
  return { state, ids, total, stop: async () => void (await Promise.all([relay.stop(), consumer.stop()])) };
}

test.serial('dead letters of a consumer are found behind those of others, and replayed in bulk with a limit and progress', async (t) => {
  const other = await deadLetters('bulk-other', 60);
  const bulk = await deadLetters('bulk', 30);
  t.teardown(() => Promise.all([other.stop(), bulk.stop()]));
  const { deadLetters: letters, total } = await stack.ops.listDeadLetters({ consumer: 'bulk', pageSize: 50 }, stack.operator);
  t.is(letters.length, 30);
  t.is(total, 30n);
  bulk.state.poisonous = false;
  const run = async (args: object) => ended((await stack.ops.runJob({ requestId: id(), jobId: 'replay-dead-letters', argumentsJson: JSON.stringify(args) }, stack.operator)).run!.runId);
  const first = await run({ consumer: 'bulk', limit: 20, per_s: 1000 });
  t.like(JSON.parse(first.reportJson) as object, { replayed: 20, consumer: 'bulk' });
  while (bulk.state.handled.length < 20) await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(await bulk.total(), 10n);
  await run({ consumer: 'bulk', per_s: 1000 });
  while (bulk.state.handled.length < 30) await new Promise((resolve) => setTimeout(resolve, 10));
  t.deepEqual(bulk.state.handled.toSorted(), bulk.ids.toSorted(), 'each once');
  t.is(await other.total(), 60n, 'those of others stay');
  for (const bad of [{ limit: 10_001 }, { per_s: 0 }, { consumer: 'a.>' }, { stream: 'DLQ' }]) t.is((await run(bad)).state, JobState.FAILED);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.listDeadLetters({ consumer: 'a.>' }, stack.operator))), 'FIELD_INVALID');
});

test('the archive job goes on until every service has nothing left', async (t) => {
  left_to_archive = 4500;
  const { run } = await stack.ops.runJob({ requestId: id(), jobId: 'archive-request-ids', despiteSale: true }, stack.operator);
  const report = JSON.parse((await ended(run!.runId)).reportJson) as Record<string, { archived: number }>;
  t.is(left_to_archive, 0);
  t.deepEqual(Object.keys(report).toSorted(), ['identity', 'inventory', 'job_runs_forgotten', 'notification', 'ops', 'order', 'payment', 'risk']);
  t.is(report['order']!.archived, 4500, 'batch after batch');
});

test('orders of the past are archived until order has nothing left of any kind', async (t) => {
  old_days = 900;
  const { run } = await stack.ops.runJob({ requestId: id(), jobId: 'archive-orders', despiteSale: true }, stack.operator);
  t.deepEqual(JSON.parse((await ended(run!.runId)).reportJson), { orders: 0, entries: 0, days: 900, deleted: 0 });
  t.is(old_days, 0);
});

test('a stream is published again from a time, page after page, by the service that owns it', async (t) => {
  const run = async (args: object) => ended((await stack.ops.runJob({ requestId: id(), jobId: 'republish-events', argumentsJson: JSON.stringify(args) }, stack.operator)).run!.runId);
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const done = await run({ stream: 'PAYMENT', since, bucket: 7 });
  t.deepEqual(JSON.parse(done.reportJson), { stream: 'PAYMENT', published: 205 });
  t.deepEqual(republished, [{ stream: 'PAYMENT', pageToken: '', bucket: 7 }, { stream: 'PAYMENT', pageToken: '7.31', bucket: 7 }]);
  for (const bad of [{ stream: 'X', since }, { stream: 'ORDER' }, { stream: 'ORDER', since: new Date(Date.now() - 8 * 86_400_000).toISOString() }, { stream: 'ORDER', since, bucket: 16 }]) {
    t.is((await run(bad)).state, JobState.FAILED);
  }
  t.is(republished.length, 2);
});

test.serial('the alert round names dead letters, failed jobs and differences that nobody repaired', async (t) => {
  const letters = await deadLetters('alerting', 2);
  t.teardown(letters.stop);
  await ended((await stack.ops.runJob({ requestId: id(), jobId: 'reconcile-statement', despiteSale: true }, stack.operator)).run!.runId);
  const run = await ended((await stack.ops.runJob({ requestId: id(), jobId: 'alert-round' }, stack.operator)).run!.runId);
  const { alerts } = JSON.parse(run.reportJson) as { alerts: { kind: string; subject: string; zh: string }[] };
  t.like(alerts.find(({ subject }) => subject === 'alerting'), { kind: 'DEAD_LETTERS', zh: 'alerting 有 2 条死信' });
  t.truthy(alerts.find(({ kind, subject }) => kind === 'JOB_FAILED' && subject === 'reconcile-statement'));
  t.false(alerts.some(({ kind }) => kind === 'SERVICE_DOWN'));
});

test('an order is explained in order of time, with what comes next and who did not answer', async (t) => {
  const explained = await stack.ops.explainOrder({ orderId: '7' }, stack.operator);
  t.is(explained.state, 'TICKETING');
  t.deepEqual(explained.happened.filter(({ service }) => service !== 'ticketing').map(({ what }) => what), ['WAIT_PAY', 'PAYMENT_SUCCEEDED', 'PAID']);
  t.is(explained.happened.find(({ service }) => service === 'ticketing')!.what, 'NOT_ANSWERING');
  t.not(explained.nextZh, '');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.ops.explainOrder({ orderId: '7' }, stack.traveller))), 'NOT_ALLOWED');
});
