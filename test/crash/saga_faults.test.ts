/** Each fault that the world outside can be told to have, while people buy: then the oracle, and the gateway's statement against our books. */
import test from 'ava';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import type { FaultRule } from '../../sandbox/shared/faults.ts';
import { connectBuyers } from './saga_buyer.ts';
import { openDear, SCENARIOS, type Stage } from './saga_scenarios.ts';
import { openSagaWorld, type SagaWorld } from './saga_world.ts';

let world: SagaWorld;
let stage: Omit<Stage, 't'>;
let payments: ServiceClient<typeof PaymentService>;
test.before(async () => {
  world = await openSagaWorld();
  stage = { world, clients: connectBuyers(world), run: await world.openRun('G1'), full: await world.openRun('G2', [20]), dear: await openDear(world) };
  payments = createClient(PaymentService, { address: world.env.PAYMENT_ADDRESS!, service: 'ops', caller_key: Buffer.from(world.env.CALLER_KEY!, 'hex'), default_timeout_ms: 20_000 });
  world.lifecycle.onStop('client', () => payments.close());
});
test.after.always(() => world?.lifecycle.stop());

type System = keyof SagaWorld['sandboxes'];
type Fault = Pick<FaultRule, 'path' | 'kind'> & Partial<FaultRule>;

const TRADES = '/v1/trades*';
const REFUNDS = '/v1/refunds*';
const CALLBACKS = '/callbacks/payment/v1/*';
const REGISTER = '/v1/registrations*';
/** Longer than we wait for an answer. */
const SILENT_MS = 4000;

/** So often each, then it works again: nobody outside is away for ever. */
const TIMES = 3;

const FAULTS: Record<System, Record<string, Fault[]>> = {
  gateway: {
    'is slow': [{ path: TRADES, kind: 'delay', delay_ms: 700 }, { path: REFUNDS, kind: 'delay', delay_ms: 700 }],
    fails: [{ path: TRADES, kind: 'fail' }, { path: REFUNDS, kind: 'fail', status: 503 }],
    'hangs up': [{ path: TRADES, kind: 'drop' }, { path: REFUNDS, kind: 'drop' }],
    'does it and says nothing': [{ path: TRADES, kind: 'timeout_after_success', delay_ms: SILENT_MS, times: 2 }, { path: REFUNDS, kind: 'timeout_after_success', delay_ms: SILENT_MS, times: 1 }],
    'signs badly': [{ path: TRADES, kind: 'bad_signature' }, { path: REFUNDS, kind: 'bad_signature' }],
    'works on refunds': [{ path: '/v1/refunds', kind: 'refund_processing', delay_ms: 1500 }],
    'calls back late': [{ path: CALLBACKS, kind: 'delay', delay_ms: 1000 }],
    'calls back never': [{ path: CALLBACKS, kind: 'drop', times: 50 }],
    'calls back twice': [{ path: CALLBACKS, kind: 'duplicate_callback', times: 50 }],
    'calls back out of order': [{ path: CALLBACKS, kind: 'reorder', delay_ms: 800, probability: 0.5, times: 50 }],
    'calls back with wrong amounts': [{ path: CALLBACKS, kind: 'wrong_amount' }],
    'calls back with bad signatures': [{ path: CALLBACKS, kind: 'bad_signature' }],
  },
  railway: {
    'is slow': [{ path: REGISTER, kind: 'delay', delay_ms: 700 }],
    fails: [{ path: REGISTER, kind: 'fail' }],
    'hangs up': [{ path: REGISTER, kind: 'drop' }],
    'does it and says nothing': [{ path: REGISTER, kind: 'timeout_after_success', delay_ms: SILENT_MS }],
    'signs badly': [{ path: REGISTER, kind: 'bad_signature' }],
    refuses: [{ path: '/v1/registrations', kind: 'registration_refused' }],
  },
  messaging: {
    'is down': [{ path: '*', kind: 'fail', times: 6 }],
    'does it and says nothing': [{ path: '*', kind: 'timeout_after_success', delay_ms: 800 }],
    'fails with a provider': [{ path: '/v1/sms/primary/*', kind: 'drop', times: 50 }],
    // What is never delivered is a dead letter by design, so here it only takes its time.
    'confirms late': [{ path: '*', kind: 'receipt_delay', delay_ms: 300, times: 50 }],
  },
};

for (const [system, faults] of Object.entries(FAULTS) as [System, Record<string, Fault[]>][]) {
  for (const [name, rules] of Object.entries(faults)) {
    test.serial(`the ${system} ${name}`, async (t) => {
      const { faults: knobs } = world.sandboxes[system];
      const set = rules.map((rule) => knobs.add({ times: TIMES, probability: 1, ...rule }));
      const refuses = name === 'refuses';
      await Promise.all([
        // Who is refused gets his money back; the others get what they want.
        refuses ? SCENARIOS['be refused by the railway']({ ...stage, t }) : SCENARIOS.buy({ ...stage, t }),
        SCENARIOS.cancel({ ...stage, t }),
        ...(refuses ? [] : [SCENARIOS['pay twice']({ ...stage, t }), SCENARIOS.refund({ ...stage, t })]),
      ]);
      // Messages go out after everything else.
      if (system === 'messaging') await world.rest();
      t.true(set.every(({ rule_id }) => knobs.list().find((rule) => rule.rule_id === rule_id)?.struck !== 0), 'each fault has struck');
      knobs.clear();
      await world.hurry('payment');
      await world.rest(/notification/);
      t.is(await world.judgeNow(), '');
    });
  }
}

test.serial('every promise was kept, and payments, refunds and the statement are equal', async (t) => {
  await world.rest();
  t.is(await world.judge(), '');
  const today = serviceDateAt(Date.now());
  const { payments: count, refunds, differences } = await payments.reconcileStatement({ date: today });
  t.deepEqual(differences, []);
  const [ours] = await world.db.query<{ payments: bigint; refunds: bigint; fen: bigint | string }>(
    `SELECT (SELECT COUNT(*) FROM chunyun_payment.payment WHERE state = 'SUCCEEDED') AS payments, (SELECT COUNT(*) FROM chunyun_payment.refund WHERE state = 'SUCCEEDED') AS refunds,
       (SELECT COALESCE(SUM(amount_fen), 0) FROM chunyun_payment.payment WHERE state = 'SUCCEEDED') - (SELECT COALESCE(SUM(amount_fen), 0) FROM chunyun_payment.refund WHERE state = 'SUCCEEDED') AS fen`,
  );
  t.deepEqual([count, refunds], [Number(ours!.payments), Number(ours!.refunds)]);
  t.true(count > Object.keys(FAULTS).length && refunds > 0);
});
