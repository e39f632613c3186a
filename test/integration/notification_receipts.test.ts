// What providers report, what is given up, and how much arrived.
import test from 'ava';
import { MessageUndeliverableSchema } from '#gen/rail/event/v1/notify_events_pb.ts';
import { OrderClosedSchema, OrderPlacedSchema, OrderTicketedSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import { MessageChannel } from '#gen/rail/notification/v1/notification_pb.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { listDeadLetters, replayDeadLetter } from '#kit/bus/dlq.ts';
import { loadSandboxKeys } from '#kit/external/keys.ts';
import { signPart } from '#kit/external/signature.ts';
import { registry } from '#kit/telemetry/metrics.ts';
import { RULE } from '../../sandbox/shared/faults.ts';
import { freePort } from '../../scripts/stack/ports.ts';
import { bearer, dumpTables, reasonOf, registerSomebody, until } from './identity_world.ts';
import { openNotification, orderOf } from './notification_world.ts';

const http_port = await freePort();
const receipts_url = `http://127.0.0.1:${http_port}`;
// Nobody asks for receipts here: what arrives was reported.
const world = await openNotification({ PUBLIC_URL: receipts_url, NOTIFICATION_HTTP_PORT: String(http_port), NOTIFICATION_RECEIPT_MS: '600000', NOTIFICATION_RETRY_MS: '1', NOTIFICATION_BREAKER_FAILURES: '1000' });
const { notifications, received } = world;
const sandbox_keys = await loadSandboxKeys(world.sandbox_env.SANDBOX_KEYS_DIR!, 'messaging');
test.after.always(() => world.lifecycle.stop());
test.afterEach.always(() => world.messaging.faults.clear());

const PRIMARY = '/v1/sms/primary/messages';
const BACKUP = '/v1/sms/backup/messages';
const RECEIPT = '/callbacks/messaging/v1/sms/primary';
const BACKUP_RECEIPT = '/callbacks/messaging/v1/sms/backup';
let orders = 0;

type Row = { delivery_id: bigint; state: string; last_error: string; tries: number; provider: string | null; provider_ref: string; version: bigint };
const deliveryOf = async (order_id: string, channel = 'SMS') => (await world.notification_db.query<Row>('SELECT * FROM message_delivery WHERE channel = ? AND order_id = ?', [channel, order_id]))[0];
const untilState = (order_id: string, state: string, channel = 'SMS') => until(async () => {
  const row = await deliveryOf(order_id, channel);
  return row?.state === state && row;
});

/** As it is once it has arrived or failed for good. */
const untilEnded = (order_id: string, channel = 'SMS') => until(async () => {
  const row = await deliveryOf(order_id, channel);
  return (row?.state === 'DELIVERED' || row?.state === 'FAILED') && row;
});

async function place(phone: string): Promise<string> {
  const { account_id } = await registerSomebody(world, { phone });
  const order_id = String(7_000_000_000 + (orders += 1));
  await world.publish('ORDER', order_id, OrderPlacedSchema, { order: orderOf(account_id, order_id) });
  return order_id;
}

async function report(body: object, { path = RECEIPT, now_ms = Date.now(), to = receipts_url, key = sandbox_keys.sign_key } = {}): Promise<{ status: number; result?: string; results?: string[] }> {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = signPart({ method: 'POST', path, body: bytes }, { key, now_ms });
  const response = await fetch(`${to}${path}`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: bytes });
  return { status: response.status, ...((await response.json()) as { result?: string; results?: string[] }) };
}

for (const kind of ['drop', 'bad_signature', 'duplicate_callback', 'reorder', 'delay'] as const) {
  test.serial(`a receipt counts once, also when the provider's callback suffers from ${kind}`, async (t) => {
    const rule = world.messaging.faults.add(RULE.parse({ path: RECEIPT, kind, times: 1, delay_ms: 100 }));
    const order_id = await place('13400000001');
    const { version } = await untilState(order_id, 'DELIVERED');
    await until(async () => world.messaging.faults.list().find(({ rule_id }) => rule_id === rule.rule_id)?.struck === 1);
    // Whatever else the provider sends has been answered when a last one has.
    const { delivery_id, provider_ref } = (await deliveryOf(order_id))!;
    t.deepEqual(await report({ message_id: String(delivery_id), provider_ref, state: 'FAILED' }), { status: 200, result: 'known' });
    t.like(await deliveryOf(order_id), { state: 'DELIVERED', version, last_error: '' });
  });
}

test.serial('only what the provider has signed just now counts', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_delay', delay_ms: 600_000 }));
  const order_id = await place('13400000002');
  const { delivery_id, provider_ref } = await untilState(order_id, 'SENT');
  const body = { message_id: String(delivery_id), provider_ref, state: 'DELIVERED' };
  t.is((await fetch(`${receipts_url}${RECEIPT}`, { method: 'POST', body: JSON.stringify(body) })).status, 401);
  t.is((await report(body, { now_ms: Date.now() - 6 * 60_000 })).status, 401);
  t.is((await report(body, { path: '/callbacks/messaging/v1/email/primary' })).status, 404, 'of another channel');
  t.is((await report({ ...body, message_id: '123' })).status, 404);
  t.is((await report({ ...body, state: 'READ' })).status, 400);
  t.like(await deliveryOf(order_id), { state: 'SENT' });
  t.deepEqual(await report(body), { status: 200, result: 'taken' });
  t.like(await deliveryOf(order_id), { state: 'DELIVERED' });
});

test.serial('a provider that took a message and could not say so reports on it: nobody is told twice', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'timeout_after_success', delay_ms: 2000 }));
  const phone = '13400000003';
  const order_id = await place(phone);
  t.like(await untilState(order_id, 'DELIVERED'), { provider: 'primary' });
  // Both tries have run out of time by then, and what would have followed them is done when a message after it has arrived.
  await until(async () => /external_calls_total\{service="notification",system="messaging\/sms\/primary",outcome="timeout"\} 1/.test(await registry.metrics()));
  world.messaging.faults.clear();
  await untilState(await place('13400000004'), 'DELIVERED');
  t.deepEqual((await received(phone)).map(({ provider }) => provider), ['primary']);
});

test.serial('what the primary took and could not deliver the backup sends, once', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_failed' }));
  const phone = '13400000051';
  const order_id = await place(phone);
  const { delivery_id, provider_ref, version, ...ended } = await untilEnded(order_id);
  t.like(ended, { state: 'DELIVERED', provider: 'backup', tries: 2, last_error: '' });
  // Both providers come again, the first one with a change of mind.
  const body = { message_id: String(delivery_id), provider_ref };
  for (const state of ['FAILED', 'DELIVERED', 'FAILED']) for (const path of [RECEIPT, BACKUP_RECEIPT]) t.deepEqual(await report({ ...body, state }, { path }), { status: 200, result: 'known' });
  t.like(await deliveryOf(order_id), { state: 'DELIVERED', provider: 'backup', version });
  t.deepEqual((await received(phone)).map(({ provider, message_id }) => `${provider} ${message_id}`), [`backup ${delivery_id}`, `primary ${delivery_id}`]);
});

test.serial('what the backup could not deliver either, or is no news any more, has failed for good', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: '/v1/sms/*', kind: 'receipt_failed' }));
  const order_id = await place('13400000052');
  t.like(await untilEnded(order_id), { state: 'FAILED', provider: 'backup', last_error: 'NOT_DELIVERED', tries: 2 });
  t.is((await received('13400000052')).length, 2);
  world.messaging.faults.clear();
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_delay', delay_ms: 600_000 }));
  const old = await place('13400000053');
  const { delivery_id, provider_ref } = await untilState(old, 'SENT');
  await world.notification_db.query('UPDATE message_delivery SET create_time = create_time - INTERVAL 25 HOUR WHERE delivery_id = ?', [delivery_id]);
  t.deepEqual(await report({ message_id: String(delivery_id), provider_ref, state: 'FAILED' }), { status: 200, result: 'taken' });
  t.like(await deliveryOf(old), { state: 'FAILED', provider: 'primary', last_error: 'NOT_DELIVERED', tries: 1 });
  t.is((await received('13400000053')).length, 1);
});

test.serial('a primary that says no and then yes has delivered: the backup is not asked', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_delay', delay_ms: 600_000 }));
  const phone = '13400000054';
  const order_id = await place(phone);
  const { delivery_id, provider_ref } = await untilState(order_id, 'SENT');
  // In one callback, hence in one transaction: nobody sees the delivery between the two.
  const receipts = ['FAILED', 'FAILED', 'DELIVERED', 'FAILED'].map((state) => ({ message_id: String(delivery_id), provider_ref, state }));
  t.deepEqual((await report({ receipts })).results, ['taken', 'known', 'taken', 'known']);
  t.like(await deliveryOf(order_id), { state: 'DELIVERED', provider: 'primary', tries: 1, last_error: '', next_action_time: null });
  t.deepEqual((await received(phone)).map(({ provider }) => provider), ['primary']);
});

test.serial('of one receipt that two processes take at one moment one counts, and the backup sends once', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_delay', delay_ms: 600_000 }));
  const port = await freePort();
  const another = await world.startAnother({ NOTIFICATION_HTTP_PORT: String(port) });
  const phone = '13400000055';
  for (let round = 0; round < 5; round += 1) {
    const order_id = await place(phone);
    const { delivery_id, provider_ref } = await untilState(order_id, 'SENT');
    const body = { message_id: String(delivery_id), provider_ref, state: 'FAILED' };
    const answers = await Promise.all([receipts_url, `http://127.0.0.1:${port}`].map((to) => report(body, { to })));
    t.deepEqual(answers.map(({ result }) => result).toSorted(), ['known', 'taken']);
    t.like(await untilEnded(order_id), { state: 'DELIVERED', provider: 'backup', tries: 2 });
    t.is((await received(phone)).filter(({ provider, message_id }) => provider === 'backup' && message_id === String(delivery_id)).length, 1);
  }
  await another.stop();
});

test.serial('what a process took and did not get to hand over another one hands over', async (t) => {
  const port = await freePort();
  const to = `http://127.0.0.1:${port}`;
  const own = await openNotification({ PUBLIC_URL: to, NOTIFICATION_HTTP_PORT: String(port), NOTIFICATION_RECEIPT_MS: '600000' });
  t.teardown(() => own.lifecycle.stop());
  own.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_delay', delay_ms: 600_000 }));
  const { account_id } = await registerSomebody(own, { phone: '13400000056' });
  await own.publish('ORDER', '1', OrderPlacedSchema, { order: orderOf(account_id, '1') });
  const row = async () => (await own.notification_db.query<Row & { next_action_time: Date | null }>("SELECT * FROM message_delivery WHERE channel = 'SMS'"))[0];
  const { delivery_id, provider_ref } = await until(async () => {
    const sent = await row();
    return sent?.state === 'SENT' && sent;
  });
  await own.running.stop();
  // One that knows nobody's address takes the receipt and can send nothing.
  const lonely = await own.startAnother({ IDENTITY_ADDRESS: `127.0.0.1:${await freePort()}` });
  const key = (await loadSandboxKeys(own.sandbox_env.SANDBOX_KEYS_DIR!, 'messaging')).sign_key;
  t.deepEqual(await report({ message_id: String(delivery_id), provider_ref, state: 'FAILED' }, { to, key }), { status: 200, result: 'taken' });
  t.like(await row(), { state: 'PENDING', tries: 1 });
  // Due until its addresses can be asked for.
  t.not((await row())!.next_action_time, null);
  await lonely.stop();
  await own.startAnother({});
  t.like(await until(async () => {
    const now = await row();
    return (now?.state === 'DELIVERED' || now?.state === 'FAILED') && now;
  }), { state: 'DELIVERED', provider: 'backup', tries: 2 });
  t.deepEqual((await own.received('13400000056')).map(({ provider }) => provider), ['backup', 'primary']);
});

test.serial('a message that failed for good is a dead letter with its reason, and arrives when that is replayed', async (t) => {
  let letters = 0;
  const letterOf = async (order_id: string) => {
    const row = await deliveryOf(order_id);
    return (await listDeadLetters(world.bus, { stream: 'NOTIFY' })).letters.find(({ event_id }) => event_id.startsWith(`undeliverable-${row?.delivery_id}-`));
  };
  for (const [faults, reason, tries] of [
    [[['/v1/sms/*', 'receipt_failed']], 'NOT_DELIVERED', 2],
    [[[PRIMARY, 'receipt_failed'], [BACKUP, 'message_refused']], 'status_409', 2],
    [[['/v1/sms/*', 'fail']], 'status', 8],
  ] as const) {
    for (const [path, kind] of faults) world.messaging.faults.add(RULE.parse({ path, kind }));
    const phone = `134000001${String((letters += 1)).padStart(2, '0')}`;
    const order_id = await place(phone);
    const letter = await until(() => letterOf(order_id));
    t.like(letter, { type: MessageUndeliverableSchema.typeName, consumer: 'notification-undeliverable', reason, tries });
    t.like(await deliveryOf(order_id), { state: 'FAILED', last_error: reason });
    const failed = (await deliveryOf(order_id))!;
    world.messaging.faults.clear();
    t.true((await replayDeadLetter(world.bus, letter.id)).ok);
    await untilState(order_id, 'DELIVERED');
    t.like((await received(phone))[0], { message_id: `${failed.delivery_id}-1`, provider: 'primary' }, 'a number of its own: providers answer a known one as before');
    t.is(await letterOf(order_id), undefined);
    t.deepEqual(await report({ message_id: String(failed.delivery_id), provider_ref: 'x', state: 'FAILED' }), { status: 200, result: 'known' });
  }
});

test.serial('push messages go where the application said, which stands nowhere in clear', async (t) => {
  const { account_id, auth } = await registerSomebody(world, { phone: '13400000021' });
  const push_token = 'device-token-of-somebody-0123456789';
  await world.client.setPushToken({ pushToken: push_token }, auth);
  t.is(await reasonOf(world.client.setPushToken({ pushToken: 'two words' }, auth)), 'FIELD_INVALID');
  const order_id = String(7_000_000_000 + (orders += 1));
  await world.publish('ORDER', order_id, OrderTicketedSchema, { order: orderOf(account_id, order_id) });
  await untilState(order_id, 'DELIVERED', 'PUSH');
  t.like((await received(push_token))[0], { channel: 'push', title: '出票成功' });
  const row = await deliveryOf(order_id, 'PUSH');
  t.like(row, { recipient_masked: '****6789' });
  for (const db of [world.notification_db, world.db]) t.false((await dumpTables(db)).includes(push_token));
  await world.client.setPushToken({}, auth);
  await world.publish('ORDER', order_id, OrderClosedSchema, { order: orderOf(account_id, order_id), reason: 'RUN_CANCELLED' });
  const channels = await until(async () => {
    const rows = await world.notification_db.query<Row & { channel: string }>("SELECT d.* FROM message_delivery d JOIN message m USING (message_id) WHERE m.template_id = 'RUN_CANCELLED' AND d.order_id = ?", [order_id]);
    return rows.length > 0 && rows.map(({ channel }) => channel).toSorted();
  });
  t.deepEqual(channels, ['INBOX', 'SMS'], 'where nobody is to be reached nothing is tried');
});

test.serial('a number or an address that somebody puts into a message is masked before it is stored', async (t) => {
  const { account_id } = await registerSomebody(world, { phone: '13400000031' });
  const parameters = { order: '110105194912310023', date: '13912345678', train: 'somebody@example.com', from: '11010519491231002X', to: 'B' };
  await world.asService('ops').sendMessage({ messageKey: `scrub-${account_id}`, accountId: account_id, templateId: 'RUN_CANCELLED', parameters, orderId: '110105194912310023' });
  const sms = await until(async () => (await received('13400000031'))[0]);
  t.true(sms.body.includes('110105194912310023'), 'the number of an order is none of a person');
  const dump = await dumpTables(world.notification_db);
  for (const clear of ['13912345678', 'somebody@example.com', '11010519491231002X']) t.false(dump.includes(clear) || sms.body.includes(clear), clear);
});

test.serial('how much arrived is told by day, channel and provider, and counted for the dashboards', async (t) => {
  const { tokens } = await world.client.logIn({ loginName: 'operator', password: 'operator-2026' });
  const operator = bearer(tokens?.accessToken);
  const today = serviceDateAt(Date.now());
  const rateOf = async (provider: string) => (await notifications.getDeliveryRates({ fromDate: today, toDate: today }, operator)).rates.find((rate) => rate.channel === MessageChannel.EMAIL && rate.provider === provider);
  t.is(await rateOf('primary'), undefined, 'no mail was sent so far');
  const deliver = async () => {
    const { account_id } = await registerSomebody(world, { phone: '13400000041', email: 'rate@example.com' });
    const order_id = String(7_000_000_000 + (orders += 1));
    await world.publish('ORDER', order_id, OrderTicketedSchema, { order: orderOf(account_id, order_id) });
    return order_id;
  };
  for (const _ of [1, 2]) await untilState(await deliver(), 'DELIVERED', 'EMAIL');
  t.like(await rateOf('primary'), { date: today, deliveredCount: 2n, failedCount: 0n });
  world.messaging.faults.add(RULE.parse({ path: '/v1/email/primary/messages', kind: 'receipt_failed' }));
  t.like(await untilEnded(await deliver(), 'EMAIL'), { state: 'DELIVERED' });
  t.like(await rateOf('primary'), { date: today, deliveredCount: 2n, failedCount: 0n, pendingCount: 0n, sentCount: 0n, deliveredPermille: 1000 }, 'a message counts once, with the provider that took it last');
  world.messaging.faults.add(RULE.parse({ path: '/v1/email/backup/messages', kind: 'receipt_failed' }));
  for (const _ of [1, 2]) await untilState(await deliver(), 'FAILED', 'EMAIL');
  t.like(await rateOf('backup'), { date: today, deliveredCount: 1n, failedCount: 2n, pendingCount: 0n, sentCount: 0n, deliveredPermille: 333 });
  t.true((await rateOf('primary'))!.meanDelayMs > 0n);
  const text = await registry.metrics();
  t.regex(text, /notification_deliveries_total\{service="notification",channel="EMAIL",provider="primary",state="DELIVERED"\} 2/);
  t.regex(text, /notification_deliveries_total\{service="notification",channel="EMAIL",provider="primary",state="HANDED_OVER"\} 3/);
  t.notRegex(text, /channel="EMAIL",provider="primary",state="FAILED"/);
  t.regex(text, /notification_deliveries_total\{service="notification",channel="EMAIL",provider="backup",state="DELIVERED"\} 1/);
  t.regex(text, /notification_deliveries_total\{service="notification",channel="EMAIL",provider="backup",state="FAILED"\} 2/);
  t.regex(text, /notification_delivery_seconds_count\{service="notification",channel="EMAIL"\} 3/);
  t.is(await reasonOf(notifications.getDeliveryRates({ fromDate: today, toDate: '2020-01-01' }, operator)), 'FIELD_INVALID');
  t.is(await reasonOf(notifications.getDeliveryRates({ fromDate: '2025-01-01', toDate: '2025-02-01' }, operator)), 'FIELD_INVALID');
  t.is(await reasonOf(notifications.getDeliveryRates({ fromDate: today, toDate: today }, (await registerSomebody(world)).auth)), 'NOT_ALLOWED');
});
