import test from 'ava';
import { OrderPlacedSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import { RULE } from '../../sandbox/shared/faults.ts';
import { registerSomebody, until } from './identity_world.ts';
import { openNotification, orderOf } from './notification_world.ts';
import type { NotificationWorld } from './notification_world.ts';
import { freshDatabase } from '../support/stack.ts';

// Keeps the database server of this file running between the worlds.
const kept = await freshDatabase();
test.after.always(() => kept.stop());

let world: NotificationWorld;
test.serial.beforeEach(async () => {
  world = await openNotification({ NOTIFICATION_BREAKER_FAILURES: '4', NOTIFICATION_BREAKER_OPEN_MS: '600000' });
});
test.serial.afterEach.always(() => world.lifecycle.stop());

let orders = 0;

/** An order is placed; what the traveller's phone got once something arrived there. */
async function place(phone: string): Promise<{ order_id: string; arrived: () => ReturnType<NotificationWorld['received']> }> {
  const { account_id } = await registerSomebody(world, { phone });
  const order_id = String(8_000_000_000 + (orders += 1));
  await world.publish('ORDER', order_id, OrderPlacedSchema, { order: orderOf(account_id, order_id) });
  return { order_id, arrived: () => until(async () => ((await world.received(phone)).length > 0 ? world.received(phone) : undefined)) };
}

const deliveryOf = async (order_id: string) =>
  (await world.notification_db.query<{ state: string; last_error: string; tries: number; provider: string }>("SELECT state, last_error, tries, provider FROM message_delivery WHERE channel = 'SMS' AND order_id = ?", [order_id]))[0];

/** As it is once it has arrived or failed for good. */
const untilEnded = (order_id: string) => until(async () => {
  const row = await deliveryOf(order_id);
  return (row?.state === 'DELIVERED' || row?.state === 'FAILED') && row;
});

const PRIMARY = '/v1/sms/primary/messages';
const BACKUP = '/v1/sms/backup/messages';

for (const kind of ['fail', 'drop', 'bad_signature', 'timeout_after_success'] as const) {
  test.serial(`when the primary provider fails by ${kind}, the backup carries the message`, async (t) => {
    world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind, delay_ms: 2000 }));
    const { order_id, arrived } = await place('13500000001');
    await until(async () => (await deliveryOf(order_id))?.provider === 'backup');
    const carried = await arrived();
    t.is(carried.filter(({ provider }) => provider === 'backup').length, 1);
    // Where the primary took it and could not say so, its own key keeps it from sending twice.
    t.true(carried.filter(({ provider }) => provider === 'primary').length <= 1);
  });
}

test.serial('after failures in a row the primary is left alone until its circuit closes', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'fail' }));
  const struck = () => world.messaging.faults.list()[0]?.struck;
  for (const phone of ['13500000011', '13500000012']) await (await place(phone)).arrived();
  t.is(struck(), 4, 'two tries for each of the two messages');
  for (const phone of ['13500000013', '13500000014', '13500000015']) t.is((await (await place(phone)).arrived())[0]?.provider, 'backup');
  t.is(struck(), 4, 'the circuit is open');
});

test.serial('when no provider works the message waits and goes out later', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: '/v1/sms/*', kind: 'fail', times: 4 }));
  const { order_id, arrived } = await place('13500000021');
  await until(async () => (await deliveryOf(order_id))?.tries === 1);
  t.is((await arrived()).length, 1);
  await until(async () => (await deliveryOf(order_id))?.state === 'DELIVERED');
  t.like(await deliveryOf(order_id), { tries: 2, last_error: '' });
});

test.serial('a provider that is asked and says no: the backup sends it, and its no is a failed delivery', async (t) => {
  const primary = world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_failed' }));
  const first = await place('13500000031');
  t.like(await untilEnded(first.order_id), { state: 'DELIVERED', provider: 'backup', tries: 2 });
  world.messaging.faults.clear(primary.rule_id);
  world.messaging.faults.add(RULE.parse({ path: '/v1/sms/*', kind: 'receipt_failed' }));
  const second = await place('13500000032');
  t.like(await untilEnded(second.order_id), { state: 'FAILED', provider: 'backup', last_error: 'NOT_DELIVERED', tries: 2 });
});

test.serial('while the circuit of the backup is open, what the primary could not deliver waits for it', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_failed' }));
  world.messaging.faults.add(RULE.parse({ path: BACKUP, kind: 'fail' }));
  const { order_id, arrived } = await place('13500000033');
  t.like(await until(async () => {
    const row = await deliveryOf(order_id);
    return (row?.last_error === 'breaker_open' || row?.state === 'FAILED') && row;
  }), { state: 'PENDING', provider: 'primary' });
  t.deepEqual((await arrived()).map((message) => message.provider), ['primary'], 'it is not asked again meanwhile');
});

test.serial('while identity is away a message waits and uses up no round', async (t) => {
  const { account_id } = await registerSomebody(world, { phone: '13500000041' });
  await world.identity.stop();
  const order_id = '8100000001';
  await world.publish('ORDER', order_id, OrderPlacedSchema, { order: orderOf(account_id, order_id) });
  await until(async () => ((await world.notification_db.query<{ attempts: number }>("SELECT attempts FROM message_delivery WHERE channel = 'SMS' AND order_id = ?", [order_id]))[0]?.attempts ?? 0) > 0);
  t.like(await deliveryOf(order_id), { state: 'PENDING', tries: 0 });
});
