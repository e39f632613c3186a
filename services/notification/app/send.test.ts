import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import type { Delivery, Provider } from '../domain/delivery.ts';
import { SEED_TEMPLATES } from '../domain/seeds.ts';
import type { DeliveryChange, Deps, Job, SendOutcome, Unit } from './ports.ts';
import { sendJobs } from './send.ts';

const PENDING: Delivery = {
  delivery_id: 1n, message_id: 2n, account_id: 3n, order_id: '4', channel: 'SMS', template_id: 'T', template_version: 1n, state: 'PENDING', recipient_masked: '', tries: 0, receipt_tries: 0,
  last_error: '', create_time_ms: 0, revivals: 0, version: 1n,
};
const HANDED_OVER: Delivery = { ...PENDING, delivery_id: 2n, provider: 'primary', provider_ref: 'p', tries: 1, last_error: 'NOT_DELIVERED', version: 3n };

/** Sends deliveries at the time 0: who was asked for which, and what became of each. `stored` is the version as it is by now. */
async function send(deliveries: readonly Delivery[], { open = [], failing = [], stored, phone = '13800138000' }: { open?: Provider[]; failing?: Provider[]; stored?: bigint; phone?: string } = {}) {
  const asked: string[] = [];
  const changes = new Map<bigint, DeliveryChange>();
  const unit = { deliveries: { versions: async (ids: readonly bigint[]) => new Map(ids.map((id) => [id, stored ?? deliveries.find(({ delivery_id }) => delivery_id === id)!.version])) } } as unknown as Unit;
  const deps = {
    store: { record: (_actor: unknown, fn: (unit: Unit) => unknown) => fn(unit) },
    clock: { now_ms: () => 0, monotonic_ms: () => 0 },
    log: silentLog(),
    retry_ms: 5000,
    receipt_ms: 2000,
    messaging: {
      open: (_channel: string, provider: Provider) => open.includes(provider),
      async send(_channel: string, provider: Provider, messages: readonly { message_id: string }[]): Promise<SendOutcome[]> {
        asked.push(...messages.map(({ message_id }) => `${provider} ${message_id}`));
        return messages.map(() => (failing.includes(provider) ? { kind: 'failed', problem: 'timeout' } : { kind: 'taken', provider_ref: provider }));
      },
    },
    async move({ delivery_id, decide }: Parameters<Deps['move']>[0]) {
      const change = decide(deliveries.find((one) => one.delivery_id === delivery_id)!);
      if (change !== undefined) changes.set(delivery_id, change);
    },
  } as unknown as Deps;
  const contact = { phone, email: '', push_token: '', language: 'zh' as const };
  const jobs = deliveries.map((delivery): Job => ({ delivery, channel: 'SMS', parameters: {}, template: SEED_TEMPLATES.find(({ channel }) => channel === 'SMS')!, contact }));
  const errors = await sendJobs(deps, jobs, new AbortController().signal);
  return { asked, changes, errors };
}

test('what the primary could not deliver goes to the backup alone, beside others that go to the primary', async (t) => {
  const { asked, changes } = await send([PENDING, HANDED_OVER]);
  t.deepEqual(asked, ['primary 1', 'backup 2']);
  t.like(changes.get(2n), { state: 'SENT', provider: 'backup', tries: 2, last_error: '', wait_ms: 2000 });
});

test('while the backup takes nothing it is asked again later, and the primary never', async (t) => {
  for (const open of [[], ['primary'], ['backup'], ['primary', 'backup']] as Provider[][]) {
    const { asked, changes } = await send([HANDED_OVER], { open, failing: ['backup'] });
    t.deepEqual(asked, ['backup 2'], open.join());
    t.like(changes.get(2n), { tries: 2, last_error: 'timeout', wait_ms: 10_000 });
    t.is(changes.get(2n)!.state, undefined);
  }
  t.like((await send([{ ...HANDED_OVER, tries: 7 }], { failing: ['backup'] })).changes.get(2n), { state: 'FAILED', last_error: 'timeout' });
});

test('what arrived after all, before the backup was asked, is sent to nobody', async (t) => {
  const { asked, changes, errors } = await send([HANDED_OVER], { stored: HANDED_OVER.version + 1n });
  t.deepEqual([asked, [...changes], errors], [[], [], [undefined]]);
});

test('whose address is gone before the backup is asked was not reached, and counts', async (t) => {
  const { asked, changes } = await send([PENDING, HANDED_OVER], { phone: '' });
  t.deepEqual(asked, []);
  t.deepEqual([1n, 2n].map((id) => changes.get(id)?.last_error), ['NO_RECIPIENT', 'NOT_DELIVERED']);
});
