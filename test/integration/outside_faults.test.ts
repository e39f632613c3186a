/** What travellers see in the end when the railway, the real-name authority or the messengers misbehave: the whole product. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CloseReason, OrderState, type Order } from '#gen/rail/order/v1/order_pb.ts';
import { DeliveryState, MessageChannel, NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import type { Place } from '#gen/rail/query/v1/query_pb.ts';
import { VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { addDays } from '#kit/base/time.ts';
import { createClient } from '#kit/rpc/client.ts';
import { verifyTicket } from '../../scripts/traveller/verify.ts';
import { Traveller, type Choice } from '../../scripts/traveller/traveller.ts';
import { verifyTickets } from '../../scripts/verify_ticket.ts';
import type { FaultRule } from '../../sandbox/shared/faults.ts';
import { startTestStack, type TestStack } from '../support/edge_stack.ts';

type System = 'railway' | 'realname' | 'messaging';

let stack: TestStack;
test.before(async () => {
  stack = await startTestStack({ sale_days: 2 });
  await stack.liftLimits();
});
test.after.always(() => stack?.stop());
test.afterEach.always(async () => {
  for (const system of ['railway', 'realname', 'messaging'] as const) await fetch(`${urlOf(system)}/sandbox/faults`, { method: 'DELETE' });
});

const urlOf = (system: System): string => stack.env[`${system.toUpperCase()}_URL`]!;

async function tell(system: System, rule: Partial<FaultRule>): Promise<void> {
  const response = await fetch(`${urlOf(system)}/sandbox/faults`, { method: 'POST', body: JSON.stringify({ rule }) });
  if (!response.ok) throw new Error(await response.text());
}

async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Somebody new who has paid for a seat. */
async function paid(): Promise<{ traveller: Traveller; order_id: string; choice: Choice }> {
  const traveller = new Traveller(stack.page);
  await traveller.register();
  const passenger = await traveller.addPassenger();
  const choice = await someTrain(traveller);
  const order_id = await traveller.waitInQueue(await traveller.submit(choice, passenger));
  await traveller.payAtCashier((await traveller.openPayment(order_id)).payUrl);
  return { traveller, order_id, choice };
}

/** The test's network is small: of some busy pairs one has a train tomorrow. */
async function someTrain(traveller: Traveller): Promise<Choice> {
  const placeOf = async (text: string): Promise<Place['place'] | undefined> => {
    const place = (await traveller.api.query.suggestStations({ text, limit: 1 })).suggestions[0]?.place;
    return place?.case === 'station' ? { case: 'stationId', value: place.value.stationId } : place?.case === 'cityZh' ? place : undefined;
  };
  for (const names of [['北京', '上海'], ['上海', '南京'], ['广州', '长沙'], ['北京', '天津'], ['武汉', '郑州'], ['北京', '广州'], ['南京', '杭州'], ['西安', '郑州']]) {
    const [from, to] = await Promise.all(names.map(placeOf));
    const choice = from === undefined || to === undefined ? undefined : await traveller.findTrain(from, to, addDays(stack.today, 1));
    if (choice !== undefined) return choice;
  }
  throw new Error('no train has seats');
}

const titles = async (traveller: Traveller): Promise<string[]> => (await traveller.api.notification.listMessages({ pageSize: 20 })).messages.map(({ templateId }) => templateId).toSorted();
const ticketsOf = async (traveller: Traveller, order_id: string) => (await traveller.api.ticketing.listTickets({ orderId: order_id })).tickets;

function registrations(order_id: string): string[] {
  const lines = readFileSync(join(stack.folder.path, 'sandbox', 'railway.jsonl'), 'utf8').split('\n').filter((line) => line.includes(`"${order_id}-`));
  return lines.map((line) => (JSON.parse(line) as { state: string }).state);
}

/** The deliveries of an order over a channel, as customer service sees them. */
async function deliveriesOf(t: ExecutionContext, order_id: string) {
  const client = createClient(NotificationService, { service: 'test', address: stack.env.NOTIFICATION_ADDRESS! });
  t.teardown(() => client.close());
  const metadata = { authorization: `Bearer ${await stack.token({ roles: ['operator'] })}` };
  return async (channel: MessageChannel) => (await client.listDeliveries({ orderId: order_id }, { metadata })).deliveries.filter((delivery) => delivery.channel === channel);
}

test.serial('the railway refuses: the money goes back, the seat too, and the traveller is told both', async (t) => {
  await tell('railway', { kind: 'registration_refused', path: '/v1/registrations', times: 1 });
  const { traveller, order_id } = await paid();
  const order = await traveller.waitForEnd(order_id);
  t.is(order.state, OrderState.CLOSED);
  t.is(order.items[0]!.closeReason, CloseReason.TICKETING_FAILED);
  const returned = await until<Order>(async () => {
    const { order: now } = await traveller.api.order.getOrder({ orderId: order_id });
    return now!.items[0]!.refunded!.amountFen > 0n && now;
  });
  t.is(returned.items[0]!.refunded!.amountFen, returned.total!.amountFen);
  t.deepEqual(await ticketsOf(traveller, order_id), []);
  t.deepEqual(await until(async () => (await titles(traveller)).length >= 3 && titles(traveller)), ['ORDER_FAILED', 'ORDER_PLACED', 'PAYMENT_RETURNED']);
  t.deepEqual(registrations(order_id).filter((state) => state === 'REGISTERED'), []);
  const { traveller: another, order_id: next } = await paid();
  t.is((await another.waitForEnd(next)).state, OrderState.SUCCESS, 'once it is well again it sells on');
});

for (const rule of [{ kind: 'timeout_after_success', delay_ms: 4000 }, { kind: 'drop' }, { kind: 'fail', status: 503 }, { kind: 'bad_signature' }, { kind: 'delay', delay_ms: 1000 }] as const) {
  test.serial(`the railway suffers from ${rule.kind}: the ticket comes a little later, once, and verifies`, async (t) => {
    await tell('railway', { ...rule, path: '/v1/registrations', times: 1 });
    const { traveller, order_id } = await paid();
    t.is((await traveller.waitForEnd(order_id)).state, OrderState.SUCCESS);
    const tickets = await ticketsOf(traveller, order_id);
    t.is(tickets.length, 1);
    await t.notThrowsAsync(verifyTicket(traveller.api, tickets[0]!));
    t.deepEqual(registrations(order_id), ['REGISTERED']);
    t.deepEqual(await until(async () => (await titles(traveller)).length >= 2 && titles(traveller)), ['ORDER_PLACED', 'ORDER_TICKETED']);
  });
}

test.serial('what a gate fetches through the edge judges a ticket offline: for its holder, until it is refunded', async (t) => {
  const { traveller, order_id, choice } = await paid();
  t.is((await traveller.waitForEnd(order_id)).state, OrderState.SUCCESS);
  const [ticket] = await ticketsOf(traveller, order_id);
  const run_id = choice.offer.journey!.runId;
  const authorization = `Bearer ${await stack.token({ roles: ['inspector'] })}`;
  const keep = async (name: string, path: string): Promise<string> => {
    const response = await fetch(`${stack.page}${path}`, { headers: { authorization } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    const file = join(stack.folder.path, name);
    writeFileSync(file, await response.text());
    return file;
  };
  const keys = await keep('keys.json', '/v1/tickets:keys');
  const gate_key = await keep('gate.json', `/v1/runs/${run_id}/gate-key`);
  const judge = async (...more: string[]) => {
    const revocations = await keep('run.json', `/v1/runs/${run_id}/revocations`);
    const lines: string[] = [];
    const code = await verifyTickets(['--keys', keys, '--revocations', revocations, '--gate-key', gate_key, '--token', ticket!.qrToken, '--json', ...more], { tokens: async () => [], print: (line) => lines.push(line) });
    return { code, ...(JSON.parse(lines[0]!) as { reason?: string; holder?: string; ticket: { run_id: string; seats: { place: string }[] } }) };
  };
  const valid = await judge('--id', traveller.person.id_number);
  t.like(valid, { code: 0, holder: 'MATCHES' });
  t.is(valid.ticket.run_id, run_id);
  t.deepEqual(valid.ticket.seats.map(({ place }) => place), ticket!.seatParts.map(({ seat }) => (seat!.coachNo === '' ? '' : `${seat!.coachNo}-${seat!.seatNo}`)));
  t.like(await judge('--id', '110105194912310021'), { code: 1, reason: 'OTHER_HOLDER' });
  await traveller.refund(order_id);
  t.like(await until(async () => {
    const seen = await judge();
    return seen.code !== 0 && seen;
  }), { code: 1, reason: 'REVOKED' });
});

for (const rule of [{ kind: 'pending', delay_ms: 1500 }, { kind: 'timeout_after_success', delay_ms: 4000 }, { kind: 'drop' }, { kind: 'bad_signature' }, { kind: 'fail' }] as const) {
  test.serial(`the real-name authority suffers from ${rule.kind}: the passenger is verified without being asked again`, async (t) => {
    await tell('realname', { ...rule, path: '/v1/verifications', times: 1 });
    const traveller = new Traveller(stack.page);
    await traveller.register();
    const { passengerId } = await traveller.addPassenger();
    const { passengers } = await traveller.api.identity.listPassengers({});
    t.deepEqual(passengers.map((one) => [one.passengerId, one.verifyState]), [[passengerId, VerifyState.VERIFIED]]);
  });
}

for (const kind of ['drop', 'bad_signature', 'timeout_after_success', 'fail', 'receipt_failed'] as const) {
  test.serial(`the first messenger suffers from ${kind}: the ticket is not kept waiting, and what became of the message is known`, async (t) => {
    // A message that failed before has opened the circuit of the first, so the second carries this one: it fails there too.
    await tell('messaging', { kind, path: kind === 'receipt_failed' ? '/v1/sms/*' : '/v1/sms/primary/messages', delay_ms: 4000 });
    const { traveller, order_id } = await paid();
    t.is((await traveller.waitForEnd(order_id)).state, OrderState.SUCCESS);
    const deliveries = await deliveriesOf(t, order_id);
    const wanted = kind === 'receipt_failed' ? DeliveryState.FAILED : DeliveryState.DELIVERED;
    const sms = await until(async () => {
      const seen = await deliveries(MessageChannel.SMS);
      return seen.length === 2 && seen.every(({ state }) => state === wanted) && seen;
    });
    if (kind === 'receipt_failed') t.deepEqual(sms.map(({ lastError }) => lastError), ['NOT_DELIVERED', 'NOT_DELIVERED']);
    else if (kind === 'drop' || kind === 'fail') t.deepEqual(sms.map(({ provider }) => provider), ['backup', 'backup']);
    t.deepEqual(await titles(traveller), ['ORDER_PLACED', 'ORDER_TICKETED'], 'the inbox is ours');
  });
}

test.serial('receipts come through the edge, repeated and forged ones too, and count once', async (t) => {
  await tell('messaging', { kind: 'duplicate_callback', path: '/callbacks/messaging/*' });
  await tell('messaging', { kind: 'bad_signature', path: '/callbacks/messaging/*', times: 1 });
  const { traveller, order_id } = await paid();
  t.is((await traveller.waitForEnd(order_id)).state, OrderState.SUCCESS);
  const deliveries = await deliveriesOf(t, order_id);
  const sms = await until(async () => {
    const seen = await deliveries(MessageChannel.SMS);
    return seen.length === 2 && seen.every(({ state }) => state === DeliveryState.DELIVERED) && seen;
  });
  t.deepEqual(sms.map(({ lastError }) => lastError), ['', '']);
  const unsigned = await fetch(`${stack.page}/callbacks/messaging/v1/sms/primary`, { method: 'POST', body: '{}' });
  t.is(unsigned.status, 401);
});
