import { randomBytes } from 'node:crypto';
import test from 'ava';
import { RateLimitResponse_Code, RateLimitService } from '#gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { ConfigService } from '#gen/rail/config/v1/config_pb.ts';
import { BlockKind, Decision, RiskService, SubjectKind, Verdict } from '#gen/rail/risk/v1/risk_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { readConfig } from '#kit/run/config.ts';
import { migrate } from '#kit/store/migrate.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { configSchema, start } from '../../services/risk/main.ts';
import { migrations } from '../../services/risk/store/migrations.ts';
import { freshDatabase, freshRedis } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const caller_key = randomBytes(32);
const id = (): string => uuid7(systemClock, systemRandom);

async function startRisk() {
  const [database, redis, tokens] = await Promise.all([freshDatabase(), freshRedis(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  const config = readConfig(configSchema, {
    MYSQL_URL_RISK: database.url,
    REDIS_URL: redis.url,
    JWKS_URL: tokens.jwks_url,
    CALLER_KEY: caller_key.toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }),
    BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    RISK_REFRESH_MS: '50',
    LOG_LEVEL: 'silent',
  });
  const first = await start(config);
  const second = await start(config);
  const options = { address: first.address, service: 'edge', default_timeout_ms: 60_000 };
  const clients = {
    limits: createClient(RateLimitService, options),
    limits_of_another: createClient(RateLimitService, { ...options, address: second.address }),
    risk: createClient(RiskService, options),
    risk_for_order: createClient(RiskService, { ...options, service: 'order', caller_key }),
    config: createClient(ConfigService, options),
    config_for_order: createClient(ConfigService, { ...options, address: second.address, service: 'order', caller_key }),
  };
  const stop = async (): Promise<void> => {
    for (const client of Object.values(clients)) client.close();
    await Promise.all([first.stop(), second.stop()]);
    await Promise.all([database.stop(), redis.stop(), tokens.stop()]);
  };
  return { ...clients, database, redis, tokens, stop };
}

let stack: Awaited<ReturnType<typeof startRisk>>;
let operator: CallOptions;
let traveller: CallOptions;

test.before(async () => {
  stack = await startRisk();
  operator = { metadata: await stack.tokens.headersFor({ account_id: '900', roles: ['traveller', 'operator'] }) };
  traveller = { metadata: await stack.tokens.headersFor({ account_id: '901' }) };
});
test.after.always(() => stack?.stop());

const ask = (key: string, value: string) => ({ domain: 'edge', descriptors: [{ entries: [{ key, value }] }] });
const reason = (error: RpcError | undefined) => error?.reason;

test('a burst of ten passes and the eleventh is told when to come back, whichever process is asked', async (t) => {
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, index) => (index % 2 === 0 ? stack.limits : stack.limits_of_another).shouldRateLimit(ask('account', 'burst'))),
  );
  const passed = answers.filter((answer) => answer.overallCode === RateLimitResponse_Code.OK).length;
  // Three flow in each second while the thirty are asked; the burst itself is exact.
  t.true(passed >= 10 && passed <= 13, `${passed} passed`);
  const refused = answers.find((answer) => answer.overallCode === RateLimitResponse_Code.OVER_LIMIT)!;
  const wait_ms = Number(refused.statuses[0]!.durationUntilReset!.seconds) * 1000 + refused.statuses[0]!.durationUntilReset!.nanos / 1e6;
  t.true(wait_ms > 0 && wait_ms <= 1000 / 3 + 1, `${wait_ms}`);
  t.true(refused.responseHeadersToAdd.some(({ key }) => key === 'grpc-status-details-bin'));
});

test('accounts and devices have buckets of their own, and what nobody limits passes', async (t) => {
  for (let index = 0; index < 10; index++) await stack.limits.shouldRateLimit(ask('account', 'mine'));
  t.is((await stack.limits.shouldRateLimit(ask('account', 'other'))).overallCode, RateLimitResponse_Code.OK);
  t.is((await stack.limits.shouldRateLimit(ask('device', 'mine'))).overallCode, RateLimitResponse_Code.OK);
  t.is((await stack.limits.shouldRateLimit(ask('unheard-of', 'mine'))).overallCode, RateLimitResponse_Code.OK);
});

test('only an operator writes settings, and a traveller cannot even read them', async (t) => {
  const wanted = { requestId: id(), key: 'queue.max_drain_per_s', valueJson: '10', baseVersion: 0n };
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.config.setConfig(wanted, traveller))), 'NOT_ALLOWED');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.config.setConfig(wanted))), 'TOKEN_MISSING');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.config.getConfig({}, traveller))), 'NOT_ALLOWED');
});

test('a setting is versioned, watched from another process, repeated safely and rolled back', async (t) => {
  const key = 'queue.max_entries';
  const ending = new AbortController();
  const seen: string[] = [];
  let heard = (): void => undefined;
  const watching = (async () => {
    for await (const { entries } of stack.config_for_order.watchConfig({ keys: [key] }, { signal: ending.signal, timeout_ms: Infinity })) {
      seen.push(...entries.map((entry) => entry.valueJson));
      heard();
    }
  })().catch(() => undefined);
  const until = async (length: number): Promise<void> => {
    while (seen.length < length) await new Promise<void>((resolve) => (heard = resolve));
  };
  await until(1);
  const request = { requestId: id(), key, valueJson: '20000', baseVersion: 0n, comment: 'a quiet day' };
  const first = await stack.config.setConfig(request, operator);
  const repeated = await stack.config.setConfig(request, operator);
  t.is(first.entry!.version, 1n);
  t.is(repeated.entry!.version, 1n);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.config.setConfig({ ...request, valueJson: '3' }, operator))), 'REQUEST_ID_REUSED');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.config.setConfig({ ...request, requestId: id(), valueJson: '3' }, operator))), 'VERSION_STALE');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.config.setConfig({ ...request, requestId: id(), baseVersion: 1n, valueJson: '50001' }, operator))), 'FIELD_INVALID');
  await until(2);
  const back = await stack.config.rollbackConfig({ requestId: id(), key, version: 0n }, operator);
  t.is(back.entry!.version, 2n);
  await until(3);
  t.deepEqual(seen, ['50000', '20000', '50000']);
  ending.abort();
  await watching;
});

test('of operators who write the same setting at once one wins, and the others hear that they are late', async (t) => {
  const key = 'limits.edge.remote_address';
  const wanted = () => ({ requestId: id(), key, valueJson: '{"per_s":300,"burst":1000}', baseVersion: 0n });
  const ends = await Promise.all(Array.from({ length: 8 }, () => stack.config.setConfig(wanted(), operator).then(() => 'written', (error: RpcError) => error.reason)));
  t.deepEqual(ends.toSorted(), [...Array.from({ length: 7 }, () => 'VERSION_STALE'), 'written']);
});

test('a block denies, shows no address in clear, and ends when it is removed', async (t) => {
  const subject = { kind: SubjectKind.IP, value: '203.0.113.77' };
  const assess = { operation: 'submit', subjects: [subject, { kind: SubjectKind.ACCOUNT, value: '77' }] };
  t.is((await stack.risk_for_order.assess(assess)).decision, Decision.ALLOW);
  const { block } = await stack.risk.createBlock({ requestId: id(), kind: BlockKind.BLACK, subject, reason: 'scalper' }, operator);
  t.false(JSON.stringify(block, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).includes('203.0.113.77'));
  t.is((await stack.risk_for_order.assess(assess)).decision, Decision.DENY);
  t.is((await stack.limits.shouldRateLimit(ask('remote_address', '203.0.113.77'))).overallCode, RateLimitResponse_Code.OVER_LIMIT);
  await stack.risk.deleteBlock({ requestId: id(), blockId: block!.blockId }, operator);
  t.is((await stack.risk_for_order.assess(assess)).decision, Decision.ALLOW);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.deleteBlock({ requestId: id(), blockId: block!.blockId }, operator))), 'BLOCK_NOT_FOUND');
});

test('who is too fast solves a captcha, once for each time', async (t) => {
  const assess = (captchaToken = '') => stack.risk_for_order.assess({ operation: 'login', subjects: [{ kind: SubjectKind.DEVICE, value: 'hasty' }], captchaToken });
  for (let index = 0; index < 10; index++) t.is((await assess()).decision, Decision.ALLOW);
  t.is((await assess()).decision, Decision.CHALLENGE);
  const solve = async (wrong = false) => {
    const { captchaId, questionText } = await stack.risk.createCaptcha({});
    const sum = questionText.match(/\d+/g)!.map(Number).reduce((a, b) => a + b);
    return { captchaId, answer: String(wrong ? sum + 1 : sum) };
  };
  const wrong = await solve(true);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.solveCaptcha(wrong))), 'CAPTCHA_WRONG');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.solveCaptcha({ ...wrong, answer: String(Number(wrong.answer) - 1) }))), 'CAPTCHA_WRONG');
  const { captchaToken } = await stack.risk.solveCaptcha(await solve());
  t.is((await assess(`${captchaToken}x`)).decision, Decision.CHALLENGE);
  t.is((await assess(captchaToken)).decision, Decision.ALLOW);
  t.is((await assess(captchaToken)).decision, Decision.CHALLENGE);
});

test('a case is read back masked and reviewed by a person, once per request id, on record', async (t) => {
  const subjects = [{ kind: SubjectKind.DEVICE, value: 'reviewed-device' }, { kind: SubjectKind.ACCOUNT, value: '4711' }];
  let assessed = await stack.risk_for_order.assess({ operation: 'register', subjects });
  while (assessed.decision === Decision.ALLOW) assessed = await stack.risk_for_order.assess({ operation: 'register', subjects });
  const find = async (verdict: Verdict) => (await stack.risk.listEvidence({ verdict, pageSize: 200 }, operator)).evidence.find(({ evidenceId }) => evidenceId === assessed.evidenceId);
  const open = await find(Verdict.OPEN);
  t.like(open, { operation: 'register', decision: Decision.CHALLENGE, reason: 'CAPTCHA_REQUIRED', note: '' });
  t.deepEqual(open!.subjects.map(({ kind, masked }) => [kind, masked]), [[SubjectKind.DEVICE, 're****ce'], [SubjectKind.ACCOUNT, '4711']]);
  const review = { requestId: id(), evidenceId: assessed.evidenceId, verdict: Verdict.CLEARED, note: 'a school class' };
  for (let times = 0; times < 2; times += 1) t.like((await stack.risk.reviewEvidence(review, operator)).evidence, { verdict: Verdict.CLEARED, note: 'a school class', reviewedBy: '900' });
  t.is(await find(Verdict.OPEN), undefined);
  t.like(await find(Verdict.CLEARED), { reviewedBy: '900' });
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.reviewEvidence({ ...review, note: 'other' }, operator))), 'REQUEST_ID_REUSED');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.reviewEvidence({ ...review, requestId: id(), evidenceId: 'x' }, operator))), 'EVIDENCE_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.reviewEvidence({ ...review, requestId: id(), note: ' ' }, operator))), 'FIELD_INVALID');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.listEvidence({}, traveller))), 'NOT_ALLOWED');
});

test('only services that the contract names may ask for a judgement', async (t) => {
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.assess({ operation: 'submit' }))), 'TOKEN_MISSING');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk.assess({ operation: 'submit' }, operator))), 'NOT_ALLOWED');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.risk_for_order.assess({ operation: 'dance' }))), 'FIELD_INVALID');
});

test('while Redis is away everybody is told to come back, not that something is broken', async (t) => {
  const own = await startRisk();
  t.teardown(own.stop);
  await own.redis.stop();
  const assess = () => own.risk_for_order.assess({ operation: 'login', subjects: [{ kind: SubjectKind.DEVICE, value: 'd' }] });
  for (const call of [assess, () => own.limits.shouldRateLimit(ask('account', 'a')), () => own.risk.createCaptcha({})]) {
    const error = await t.throwsAsync<RpcError>(call);
    t.is(reason(error), 'DEPENDENCY_UNAVAILABLE');
    t.is(error?.code, 'UNAVAILABLE');
  }
});
