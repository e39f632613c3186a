import test from 'ava';
import { IdType, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { RiskService, Decision } from '#gen/rail/risk/v1/risk_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { implement } from '#kit/rpc/implement.ts';
import type { Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { readConfig } from '#kit/run/config.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import * as realname from '../../sandbox/realname/main.ts';
import { CALLER_KEY, openIdentity, reasonOf, registerSomebody, requestId, until } from './identity_world.ts';
import type { IdentityWorld } from './identity_world.ts';
import { freshDatabase } from '../support/stack.ts';

// Keeps the database server of this file running between the worlds.
const kept = await freshDatabase();
test.after.always(() => kept.stop());

let world: IdentityWorld;
test.serial.beforeEach(async () => {
  world = await openIdentity();
});
test.serial.afterEach.always(() => world.lifecycle.stop());

const person = (name = '韩梅梅') => ({ requestId: requestId(), name, idType: IdType.RESIDENT, idNumber: '11010519491231002X', passengerType: PassengerType.ADULT });

async function knob(url: string, rule: object): Promise<void> {
  const response = await fetch(`${url}/sandbox/faults`, { method: 'POST', body: JSON.stringify({ rule }) });
  if (!response.ok) throw new Error(await response.text());
}

const clearKnobs = (url: string) => fetch(`${url}/sandbox/faults`, { method: 'DELETE' });

async function stateOf(auth: Parameters<IdentityWorld['client']['listPassengers']>[1]): Promise<VerifyState | undefined> {
  return (await world.client.listPassengers({}, auth)).passengers[0]?.verifyState;
}

for (const [kind, title] of [
  ['timeout_after_success', 'answers too late'],
  ['bad_signature', 'answers with a bad signature'],
  ['fail', 'answers with an error'],
  ['drop', 'hangs up'],
] as const) {
  test.serial(`an authority that ${title} leaves a passenger pending, who is verified later`, async (t) => {
    await knob(world.realname.url, { path: '/v1/verifications', kind, delay_ms: 2000 });
    const { auth } = await registerSomebody(world);
    const { passenger } = await world.client.addPassenger(person(), auth);
    t.is(passenger?.verifyState, VerifyState.PENDING);
    t.is(world.realname.faults.list()[0]?.struck, 3, 'three tries');
    await clearKnobs(world.realname.url);
    await until(async () => (await stateOf(auth)) === VerifyState.VERIFIED);
    t.pass();
  });
}

test.serial('a try that fails once is repeated within the same request', async (t) => {
  await knob(world.realname.url, { path: '/v1/verifications', kind: 'fail', times: 1 });
  const { auth } = await registerSomebody(world);
  t.is((await world.client.addPassenger(person(), auth)).passenger?.verifyState, VerifyState.VERIFIED);
});

test.serial('an authority that answers later is asked again', async (t) => {
  await knob(world.realname.url, { path: '/v1/verifications', kind: 'pending', delay_ms: 200 });
  const { auth } = await registerSomebody(world);
  t.is((await world.client.addPassenger(person(), auth)).passenger?.verifyState, VerifyState.PENDING);
  await until(async () => (await stateOf(auth)) === VerifyState.VERIFIED);
});

test.serial('who is rejected stays so until the owner asks again', async (t) => {
  await knob(world.realname.url, { path: '/v1/verifications', kind: 'reject', times: 1 });
  const { auth } = await registerSomebody(world);
  const { passenger } = await world.client.addPassenger(person(), auth);
  t.is(passenger?.verifyState, VerifyState.REJECTED);
  const again = { requestId: requestId(), passengerId: passenger!.passengerId };
  t.is((await world.client.verifyPassenger(again, auth)).passenger?.verifyState, VerifyState.VERIFIED);
  t.is((await world.client.verifyPassenger(again, auth)).passenger?.verifyState, VerifyState.VERIFIED);
});

test.serial('a name on the list of the authority is rejected', async (t) => {
  const { auth } = await registerSomebody(world);
  t.is((await world.client.addPassenger(person('测试拒绝'), auth)).passenger?.verifyState, VerifyState.REJECTED);
});

test.serial('the authority remembers its verdict over a restart', async (t) => {
  const config = readConfig(realname.configSchema, world.sandbox_env);
  await knob(world.realname.url, { path: '/v1/verifications', kind: 'reject', times: 1 });
  const { auth } = await registerSomebody(world);
  const { passenger } = await world.client.addPassenger(person(), auth);
  await world.realname.stop();
  const second = world.lifecycle.add('realname again', await realname.start({ ...config, realname_http_port: world.realname.port }));
  t.is(second.port, world.realname.port);
  // The same question as before the restart: what was said once is said again.
  await world.db.query("UPDATE passenger SET verify_state = 'PENDING', next_action_time = UTC_TIMESTAMP(3) WHERE passenger_id = ?", [passenger!.passengerId]);
  await until(async () => (await stateOf(auth)) === VerifyState.REJECTED);
});

test.serial('risk decides before a password is looked at, and its silence asks for a captcha', async (t) => {
  const asked: unknown[] = [];
  let decide: () => Promise<Decision> = () => Promise.resolve(Decision.ALLOW);
  const refuse = () => Promise.reject(new Error('not asked in this test'));
  const handlers: Handlers<typeof RiskService> = {
    async assess({ operation, captchaToken, subjects }) {
      asked.push({ operation, captchaToken, kinds: subjects.map(({ kind }) => kind) });
      return { decision: await decide() };
    },
    createCaptcha: refuse, solveCaptcha: refuse, listBlocks: refuse, createBlock: refuse, deleteBlock: refuse, getProtection: refuse, reportLoad: refuse, listEvidence: refuse, reviewEvidence: refuse,
  };
  const risk = await startServer({ service: 'risk', implementations: [implement(RiskService, handlers)], auth: { caller_keys: [Buffer.from(CALLER_KEY, 'hex')] }, log: silentLog() });
  const guarded = await openIdentity({ RISK_ADDRESS: risk.address, CALLER_KEY });
  t.teardown(async () => {
    await guarded.lifecycle.stop();
    await risk.stop();
  });
  const { login_name, password } = await registerSomebody(guarded);
  const logIn = (captchaToken = '') => reasonOf(guarded.client.logIn({ loginName: login_name, password, deviceId: 'd', captchaToken }));
  t.is(await logIn('solved'), 'OK');
  t.like(asked.at(-1), { operation: 'login', captchaToken: 'solved' });
  decide = () => Promise.resolve(Decision.CHALLENGE);
  t.is(await logIn(), 'CAPTCHA_REQUIRED');
  decide = () => Promise.resolve(Decision.DENY);
  t.is(await logIn(), 'RISK_REJECTED');
  t.is(await reasonOf(registerSomebody(guarded)), 'RISK_REJECTED');
  decide = () => new Promise(() => {});
  t.is(await logIn(), 'CAPTCHA_REQUIRED', 'no answer within a second');
});
