// Messages of one moment share transactions, requests and signatures, and each keeps an outcome of its own.
import test from 'ava';
import { OrderPlacedSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import { loadSandboxKeys } from '#kit/external/keys.ts';
import { signPart } from '#kit/external/signature.ts';
import { listDeadLetters } from '#kit/bus/dlq.ts';
import { RULE } from '../../sandbox/shared/faults.ts';
import { freePort } from '../../scripts/stack/ports.ts';
import { registerSomebody, until } from './identity_world.ts';
import { openNotification, orderOf } from './notification_world.ts';

const http_port = await freePort();
const receipts_url = `http://127.0.0.1:${http_port}`;
// Nobody asks for receipts here, and no provider is too slow: what is counted is what was sent.
const world = await openNotification({ PUBLIC_URL: receipts_url, NOTIFICATION_HTTP_PORT: String(http_port), NOTIFICATION_RECEIPT_MS: '600000', NOTIFICATION_SEND_TIMEOUT_MS: '60000', NOTIFICATION_BREAKER_FAILURES: '1000' });
const sandbox_keys = await loadSandboxKeys(world.sandbox_env.SANDBOX_KEYS_DIR!, 'messaging');
test.after.always(() => world.lifecycle.stop());
test.afterEach.always(() => world.messaging.faults.clear());

const PRIMARY = '/v1/sms/primary/messages';
const RECEIPT = '/callbacks/messaging/v1/sms/primary';
const CROWD = 30;
let orders = 0;

type Row = { delivery_id: bigint; order_id: string; state: string; last_error: string; provider: string | null; provider_ref: string; tries: number };
const people: { phone: string; account_id: string }[] = [];
test.before('people', async () => {
  for (let index = 0; index < CROWD; index += 1) {
    const phone = String(13_300_000_000 + index);
    people.push({ phone, account_id: (await registerSomebody(world, { phone })).account_id });
  }
});

/** Everybody has ordered at the same moment; how their text messages stand once each is as `wanted` says. */
async function placeAll(wanted: (row: Row) => boolean): Promise<{ ids: string[]; rows: Row[] }> {
  const ids = people.map(() => String(6_000_000_000 + (orders += 1)));
  await Promise.all(people.map(({ account_id }, index) => world.publish('ORDER', ids[index]!, OrderPlacedSchema, { order: orderOf(account_id, ids[index]!) })));
  const rows = await until(async () => {
    const found = await world.notification_db.query<Row>("SELECT * FROM message_delivery WHERE channel = 'SMS' AND order_id IN (?)", [ids]);
    return found.length === CROWD && found.every(wanted) && [...found];
  });
  return { ids, rows };
}

/** Counts what comes to a path and changes nothing. */
function counted(path: string): () => number {
  const { rule_id } = world.messaging.faults.add(RULE.parse({ path, kind: 'delay', delay_ms: 0 }));
  return () => world.messaging.faults.list().find((rule) => rule.rule_id === rule_id)!.struck;
}

async function report(body: object): Promise<{ status: number; results?: string[] }> {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = signPart({ method: 'POST', path: RECEIPT, body: bytes }, { key: sandbox_keys.sign_key, now_ms: Date.now() });
  const response = await fetch(`${receipts_url}${RECEIPT}`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: bytes });
  return { status: response.status, ...((await response.json()) as { results?: string[] }) };
}

const delivered = ({ state }: Row) => state === 'DELIVERED';
const sentTo = async (phone: string) => (await world.received(phone)).map(({ message_id, provider }) => `${message_id} ${provider}`);

test.serial('messages of one moment go out in few requests and are reported in few callbacks, each once', async (t) => {
  const [requests, callbacks] = [counted(PRIMARY), counted(RECEIPT)];
  const { ids, rows } = await placeAll(delivered);
  t.true(requests() <= CROWD / 3, `${requests()} requests`);
  t.true(callbacks() <= CROWD / 3, `${callbacks()} callbacks`);
  t.true(rows.every(({ provider, tries }) => provider === 'primary' && tries === 1));
  const of_order = new Map(rows.map(({ order_id, delivery_id }) => [order_id, String(delivery_id)]));
  for (const [index, { phone }] of people.entries()) t.deepEqual(await sentTo(phone), [`${of_order.get(ids[index]!)} primary`]);
});

test.serial('of many in a request one is refused for good, and the others arrive', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'message_refused', times: 1 }));
  const { rows } = await placeAll(({ state }) => state === 'DELIVERED' || state === 'FAILED');
  const refused = rows.filter(({ state }) => state === 'FAILED');
  t.deepEqual(refused.map(({ last_error, tries }) => [last_error, tries]), [['refused_MESSAGE_REFUSED', 1]]);
  await until(async () => (await listDeadLetters(world.bus, { stream: 'NOTIFY' })).letters.some(({ event_id }) => event_id.startsWith(`undeliverable-${refused[0]!.delivery_id}-`)));
});

test.serial('of many that are taken one does not arrive, and the backup sends that one alone', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_failed', times: 1 }));
  const requests = counted('/v1/sms/backup/messages');
  const { rows } = await placeAll(delivered);
  t.deepEqual(rows.filter(({ provider }) => provider === 'backup').map(({ tries }) => tries), [2]);
  t.is(requests(), 1);
});

test.serial('a provider that takes messages one by one gets them so', async (t) => {
  const requests = counted(PRIMARY);
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'one_by_one' }));
  const { rows } = await placeAll(delivered);
  t.true(rows.every(({ provider }) => provider === 'primary'));
  t.true(requests() >= CROWD);
});

test.serial('when the primary takes none of many, the backup carries them all', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'fail' }));
  const { rows } = await placeAll(delivered);
  t.true(rows.every(({ provider }) => provider === 'backup'));
});

test.serial('of many receipts in a callback each has its own result, and the callback repeated changes nothing', async (t) => {
  world.messaging.faults.add(RULE.parse({ path: PRIMARY, kind: 'receipt_delay', delay_ms: 600_000 }));
  const { rows } = await placeAll(({ state }) => state === 'SENT');
  const [first, second, third] = rows.map(({ delivery_id, provider_ref }) => ({ message_id: String(delivery_id), provider_ref }));
  const receipts = [{ ...first, state: 'DELIVERED' }, { message_id: '123', provider_ref: 'x', state: 'DELIVERED' }, { ...second, state: 'FAILED' }, { ...third, state: 'DELIVERED' }, { ...third, state: 'FAILED' }];
  t.deepEqual(await report({ receipts }), { status: 200, result: 'many', results: ['taken', 'MESSAGE_NOT_FOUND', 'taken', 'taken', 'known'] });
  t.deepEqual((await report({ receipts })).results, ['known', 'MESSAGE_NOT_FOUND', 'known', 'known', 'known']);
  t.is((await report({ receipts: [] })).status, 400);
  t.is((await report({ receipts: [{ ...first, state: 'READ' }] })).status, 400);
  const now = await until(async () => {
    const found = await world.notification_db.query<Row>('SELECT * FROM message_delivery WHERE delivery_id IN (?)', [rows.slice(0, 3).map(({ delivery_id }) => delivery_id)]);
    return found.every(delivered) && found;
  });
  const providerOf = new Map(now.map(({ delivery_id, provider }) => [String(delivery_id), provider]));
  t.deepEqual([first, second, third].map((one) => providerOf.get(one!.message_id)), ['primary', 'backup', 'primary']);
});
