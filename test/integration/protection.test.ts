// Protection mode on the real risk: two processes over one database and one Redis, services that report, and the edge that asks.
import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { RateLimitResponse_Code, RateLimitService } from '#gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { ConfigService } from '#gen/rail/config/v1/config_pb.ts';
import { ProtectionReason, RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { formatRfc3339 } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { readConfig } from '#kit/run/config.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { openRedis } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { registry } from '#kit/telemetry/metrics.ts';
import { configSchema, start } from '../../services/risk/main.ts';
import { migrations } from '../../services/risk/store/migrations.ts';
import { openReportStore } from '../../services/risk/store/report_store.ts';
import { freshDatabase, freshRedis } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const id = (): string => uuid7(systemClock, systemRandom);
const reason = (error: RpcError | undefined) => error?.reason;

/** Quick to switch, so that tests wait for what happens and not for time to pass. */
const QUICK = { latency_p95_ms: 1000, error_share: 0.1, queue_entries: 1000, min_calls: 10, after_s: 0.2, leave_share: 0.7, min_stay_s: 0 };

async function startRisk(t: ExecutionContext, limits: object = QUICK) {
  const [database, redis, tokens] = await Promise.all([freshDatabase(), freshRedis(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  const caller_key = randomBytes(32);
  const config = readConfig(configSchema, {
    MYSQL_URL_RISK: database.url, REDIS_URL: redis.url, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'), RISK_REFRESH_MS: '50',
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
  });
  const [first, second, db] = await Promise.all([start(config), start(config), openDatabase({ url: database.url, service: 'test', log: silentLog() })]);
  const client = { address: first.address, service: 'edge', default_timeout_ms: 60_000 };
  const clients = {
    limits: createClient(RateLimitService, client),
    risk: createClient(RiskService, client),
    other: createClient(RiskService, { ...client, address: second.address }),
    order: createClient(RiskService, { ...client, service: 'order', caller_key }),
    config: createClient(ConfigService, client),
  };
  t.teardown(async () => {
    for (const one of Object.values(clients)) one.close();
    await Promise.all([first.stop(), second.stop(), db.close()]);
    await Promise.all([database.stop(), redis.stop(), tokens.stop()]);
  });
  const operator: CallOptions = { metadata: await tokens.headersFor({ account_id: '900', roles: ['operator'] }) };
  const world = {
    ...clients, db, redis, operator,
    async set(key: string, value: unknown) {
      const { entries } = await clients.config.getConfig({ keys: [key] }, operator);
      return clients.config.setConfig({ requestId: id(), key, valueJson: JSON.stringify(value), baseVersion: entries[0]!.version }, operator);
    },
    report: (counts: [number, number, number], more: { failed?: number; queueEntries?: number } = {}) =>
      clients.order.reportLoad({ process: 'a', calls: counts.reduce((a, b) => a + b), latencyBoundsMs: [100, 2000], latencyCounts: counts, ...more }),
    /** Both processes say so. */
    async until(wanted: { active: boolean; reason: ProtectionReason }) {
      for (;;) {
        const states = await Promise.all([clients.risk.getProtection({}), clients.other.getProtection({})]);
        if (states.every((state) => state.active === wanted.active && state.reason === wanted.reason)) return states[0];
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
  await world.set('protection.limits', limits);
  return world;
}

type World = Awaited<ReturnType<typeof startRisk>>;

/** How many of a burst the edge lets through for an account that was never seen. */
async function burstOf({ limits }: World): Promise<number> {
  const account = { domain: 'edge', descriptors: [{ entries: [{ key: 'account', value: id() }] }] };
  for (let passed = 0; ; passed += 1) if ((await limits.shouldRateLimit(account)).overallCode !== RateLimitResponse_Code.OK) return passed;
}

test('slow answers switch it on for everybody, tighten the edge, and calm switches it off: all of it on record', async (t) => {
  const world = await startRisk(t);
  // Slow, so that nothing flows in while the burst is counted.
  await world.set('limits.edge.account', { per_s: 0.01, burst: 10 });
  t.is(await burstOf(world), 10);
  await world.report([0, 0, 100]);
  const on = await world.until({ active: true, reason: ProtectionReason.LATENCY });
  t.is(on.edgeShare, 0.5);
  t.not(on.sinceTime, undefined);
  t.is(await burstOf(world), 5);
  // Other tests of this process have a risk of their own, which sets the same gauge.
  while (!/protection_active\{service="risk",reason="LATENCY"\} 1\n/.test(await registry.metrics())) await new Promise((resolve) => setTimeout(resolve, 10));
  t.regex(await registry.metrics(), /protection_switches_total\{service="risk",active="true",reason="LATENCY"\} \d/);
  await world.report([100, 0, 0]);
  const off = await world.until({ active: false, reason: ProtectionReason.NONE });
  t.is(off.edgeShare, 1);
  t.is(await burstOf(world), 10);
  const { entries } = await world.config.listConfigVersions({ key: 'protection.state' }, world.operator);
  t.deepEqual(entries.map(({ comment, updatedBy }) => [comment, updatedBy]), [['off: NONE', 'protection'], ['on: LATENCY, latency_p95_ms 4000 > 1000 (order)', 'protection']], 'each change once, whoever of the two saw it first');
  const audited = await world.db.query<{ version: bigint }>("SELECT version FROM audit_record WHERE target = 'config/protection.state' ORDER BY version");
  t.deepEqual(audited.map(({ version }) => Number(version)), [1, 2]);
});

test('a long queue and many failures switch it on too', async (t) => {
  const world = await startRisk(t);
  await world.report([0, 0, 0], { queueEntries: 1001 });
  await world.until({ active: true, reason: ProtectionReason.QUEUE });
  await world.report([0, 0, 0], { queueEntries: 0 });
  await world.until({ active: false, reason: ProtectionReason.NONE });
  await world.report([100, 0, 0], { failed: 11 });
  await world.until({ active: true, reason: ProtectionReason.ERRORS });
  t.pass();
});

test('a declared opening switches it on by the clock, with its name, while nobody measures', async (t) => {
  const world = await startRisk(t);
  await world.set('sale.openings', [{ name: '春运首日', start: formatRfc3339(Date.now() - 60_000), lasts_min: 5 }]);
  t.is((await world.until({ active: true, reason: ProtectionReason.OPENING })).opening, '春运首日');
  await world.set('sale.openings', []);
  await world.until({ active: false, reason: ProtectionReason.NONE });
});

test('operators force it on and off over whatever is measured, and nobody else says how it is', async (t) => {
  const world = await startRisk(t);
  await world.set('protection.mode', 'on');
  await world.until({ active: true, reason: ProtectionReason.FORCED });
  await world.set('protection.mode', 'off');
  await world.report([0, 0, 100]);
  await world.until({ active: false, reason: ProtectionReason.FORCED });
  t.is(reason(await t.throwsAsync<RpcError>(() => world.set('protection.state', { active: true, reason: 'NONE', detail: '', since_ms: 0 }))), 'FIELD_INVALID');
  t.is(reason(await t.throwsAsync<RpcError>(() => world.config.rollbackConfig({ requestId: id(), key: 'protection.state', version: 0n }, world.operator))), 'FIELD_INVALID');
  t.is(reason(await t.throwsAsync<RpcError>(() => world.risk.reportLoad({ process: 'a', calls: 9, latencyCounts: [9] }))), 'TOKEN_MISSING');
  t.is(reason(await t.throwsAsync<RpcError>(() => world.risk.reportLoad({ process: 'a', calls: 9, latencyCounts: [9] }, world.operator))), 'NOT_ALLOWED');
  t.is(reason(await t.throwsAsync<RpcError>(() => world.order.reportLoad({ process: 'a', calls: 9, latencyBoundsMs: [1], latencyCounts: [9] }))), 'FIELD_INVALID');
});

test('without Redis nothing is measured and nothing switched on by that; operators and openings count all the same', async (t) => {
  const world = await startRisk(t);
  await world.report([0, 0, 100]);
  await world.until({ active: true, reason: ProtectionReason.LATENCY });
  await world.redis.stop();
  await world.set('protection.mode', 'off');
  await world.until({ active: false, reason: ProtectionReason.FORCED });
  await world.set('protection.mode', 'auto');
  await world.until({ active: false, reason: ProtectionReason.NONE });
  await world.set('sale.openings', [{ name: 'now', start: formatRfc3339(Date.now() - 60_000), lasts_min: 5 }]);
  await world.until({ active: true, reason: ProtectionReason.OPENING });
  t.pass();
});

test('what was reported counts for some seconds only, the last report of each process once', async (t) => {
  const server = await freshRedis();
  const redis = await openRedis({ url: [server.url], log: silentLog(), service: 'test' });
  t.teardown(async () => {
    await redis.close();
    await server.stop();
  });
  const store = openReportStore(redis);
  const report = (process: string, calls: number) => ({ service: 'order', process, calls, failed: 0, latency_bounds_ms: [], latency_counts: [calls] });
  await store.put(report('a', 1));
  await store.put(report('a', 2));
  await store.put(report('b', 3));
  t.deepEqual((await store.recent()).map(({ calls }) => calls).toSorted(), [2, 3]);
  const aged = async (process: string, age_ms: number) => {
    const kept = JSON.parse((await redis.client.hget('risk:load', `order/${process}`))!) as { at_ms: number };
    await redis.client.hset('risk:load', `order/${process}`, JSON.stringify({ ...kept, at_ms: kept.at_ms - age_ms }));
  };
  await aged('a', 20_000);
  await aged('b', 100_000);
  t.deepEqual(await store.recent(), []);
  t.deepEqual(await redis.client.hkeys('risk:load'), ['order/a'], 'what nobody will ask for again is gone');
  t.true((await redis.client.pttl('risk:load')) > 0);
});
