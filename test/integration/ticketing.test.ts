import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { IdentityService, IdType } from '#gen/rail/identity/v1/identity_pb.ts';
import { GetRevocationsResponseSchema, IssueOutcome, TicketingService, TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { maskIdNumber, maskName } from '#kit/base/mask.ts';
import { systemRandom } from '#kit/base/random.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { systemClock } from '#kit/base/clock.ts';
import { addKey, ensureKeys } from '#kit/external/make_keys.ts';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { outcomeStatus } from '#kit/rpc/status.ts';
import { readConfig } from '#kit/run/config.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { configSchema as railwaySchema, start as startRailway } from '../../sandbox/railway/main.ts';
import { areRevocationsSigned, verifyOffline, type OfflineKey } from '../../services/ticketing/domain/verify_offline.ts';
import { configSchema, start } from '../../services/ticketing/main.ts';
import { migrations } from '../../services/ticketing/store/migrations.ts';
import { freshDatabase } from '../support/stack.ts';
import { startTokens } from '../support/tokens.ts';

const caller_key = randomBytes(32);
const DAY_MS = 86_400_000;
const ID_NUMBER = '11010519491231002X';
const NAME = '张三丰';
let next_order = 1000n << 22n;
let identity_away = false;
/** As it was before it knew the batch. */
let identity_old = false;
const asked = { alone: 0, together: 0 };

/** Everybody is called the same; passenger `gone` was removed. */
function people(): Handlers<typeof IdentityService> {
  const unused = (): never => {
    throw new Error('not asked for here');
  };
  return {
    ...Object.fromEntries(IdentityService.methods.map((method) => [method.localName, unused])),
    resolvePassengers(wish: { passengerIds: string[]; inClear: boolean }) {
      asked.alone += 1;
      if (identity_away) throw RpcError.of({ reason: 'DEPENDENCY_UNAVAILABLE' });
      const known = knownOf(wish);
      if (known === undefined) throw RpcError.of({ reason: 'PASSENGER_NOT_FOUND' });
      return { passengers: known };
    },
    batchResolvePassengers({ requests }: { requests: { passengerIds: string[]; inClear: boolean }[] }) {
      asked.together += 1;
      if (identity_away) throw RpcError.of({ reason: 'DEPENDENCY_UNAVAILABLE' });
      if (identity_old) throw new RpcError('the method is not known', { code: 'UNIMPLEMENTED' });
      return { outcomes: requests.map(knownOf).map((passengers) => (passengers === undefined ? { error: outcomeStatus({ reason: 'PASSENGER_NOT_FOUND' }) } : { passengers })) };
    },
  } as unknown as Handlers<typeof IdentityService>;
}

function knownOf({ passengerIds, inClear }: { passengerIds: string[]; inClear: boolean }) {
  if (passengerIds.includes('gone')) return undefined;
  return passengerIds.map((passengerId) => ({
    passenger: { passengerId, nameMasked: maskName(NAME), idType: IdType.RESIDENT, idNumberMasked: maskIdNumber(ID_NUMBER) },
    personBlindIndex: 'ab'.repeat(16),
    ...(inClear ? { name: NAME, idNumber: ID_NUMBER } : {}),
  }));
}

async function startAll() {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-ticketing-'));
  const dirs = { signing_keys_dir: join(folder, 'ours'), sandbox_keys_dir: join(folder, 'theirs') };
  await ensureKeys(dirs);
  const [database, tokens] = await Promise.all([freshDatabase(), startTokens()]);
  await migrate(database.url, migrations, { log: silentLog() });
  const railway = await startRailway(readConfig(railwaySchema, { SANDBOX_KEYS_DIR: dirs.sandbox_keys_dir, SANDBOX_DATA_DIR: folder }));
  const identity = await startServer({ service: 'identity', implementations: [implement(IdentityService, people())], auth: { caller_keys: [caller_key] }, log: silentLog() });
  const config = readConfig(configSchema, {
    MYSQL_URL_TICKETING: database.url, JWKS_URL: tokens.jwks_url, CALLER_KEY: caller_key.toString('hex'),
    COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
    SIGNING_KEYS_DIR: dirs.signing_keys_dir, IDENTITY_ADDRESS: identity.address, RAILWAY_URL: railway.url, TICKETING_SWEEP_MS: '25', TICKETING_BACKOFF_MS: '20', TICKETING_KEYS_RELOAD_MS: '50',
  });
  const ticketing = await start(config);
  const db = await openDatabase({ url: database.url, service: 'test', log: silentLog() });
  const as = async (account_id: string, roles: string[]): Promise<CallOptions> => ({ metadata: await tokens.headersFor({ account_id, roles }) });
  const [traveller, stranger, inspector, operator] = [await as('1', ['traveller']), await as('2', ['traveller']), await as('8', ['inspector']), await as('9', ['operator'])];
  const client = createClient(TicketingService, { default_timeout_ms: 60_000, address: ticketing.address, service: 'web' });
  const for_order = createClient(TicketingService, { address: ticketing.address, service: 'order', caller_key, default_timeout_ms: 10_000 });
  const registration = async (id: string): Promise<string> => {
    const row = /"state":"(\w+)"/;
    const text = await import('node:fs/promises').then(({ readFile }) => readFile(join(folder, 'railway.jsonl'), 'utf8').catch(() => ''));
    const last = text.split('\n').findLast((line) => line.includes(`"${id}"`));
    return last === undefined ? 'NONE' : row.exec(last)![1]!;
  };
  const stop = async (): Promise<void> => {
    client.close();
    for_order.close();
    await ticketing.stop();
    await Promise.all([railway.stop(), identity.stop(), db.close(), tokens.stop()]);
    await database.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { folder, dirs, config, client, for_order, traveller, stranger, inspector, operator, railway, db, registration, stop };
}

let stack: Awaited<ReturnType<typeof startAll>>;
test.before(async () => void (stack = await startAll()));
test.afterEach.always(() => {
  stack.railway.faults.clear();
  identity_away = false;
  identity_old = false;
});
test.after.always(() => stack?.stop());

const reason = (error: RpcError | undefined) => error?.reason;
const PATH = '/v1/registrations';

function order(passengers: string[] = ['p1', 'p2'], run_id = 'G101.20260115') {
  next_order += 1n << 22n;
  const departure_ms = Date.now() + DAY_MS;
  return {
    orderId: String(next_order),
    accountId: '1',
    items: passengers.map((passengerId, index) => ({
      itemId: `${next_order}-${index + 1}`,
      itemVersion: 3n,
      passengerId,
      passengerType: PassengerType.ADULT,
      seat: { coachNo: '05', seatNo: `${index + 1}A`, seatClass: SeatClass.SECOND },
      journey: { runId: run_id, trainNo: 'G101', serviceDate: '2026-01-15', fromStationId: 'BJP', toStationId: 'SHH', fromIndex: 0, toIndex: 4, departureTime: timestampFromMs(departure_ms), arrivalTime: timestampFromMs(departure_ms + 3_600_000) },
    })),
  };
}

async function untilOutcome(wanted: ReturnType<typeof order>, state: 'ISSUED' | 'FAILED') {
  for (let tries = 0; tries < 800; tries += 1) {
    const [row] = await stack.db.query<{ state: string }>('SELECT state FROM issue WHERE order_id = ?', [wanted.orderId]);
    if (row?.state === state) return stack.for_order.issueTickets(wanted);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`order ${wanted.orderId} did not become ${state}`);
}

async function untilRegistration(id: string, state: string): Promise<string> {
  for (let tries = 0; tries < 400; tries += 1) {
    if ((await stack.registration(id)) === state) return state;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return stack.registration(id);
}

async function keysOffline(): Promise<OfflineKey[]> {
  const { keys } = await stack.client.getVerificationKeys({});
  return keys.map(({ keyId, publicKey, notBefore, notAfter }) => ({ key_id: keyId, public_key: publicKey, not_before_ms: timestampMs(notBefore!), not_after_ms: notAfter && timestampMs(notAfter) }));
}

const audits = async (operation: string, target: string): Promise<string[]> => (await stack.db.query<{ result: string }>('SELECT result FROM audit_record WHERE operation = ? AND target = ? ORDER BY audit_id', [operation, target])).map(({ result }) => result);

test.serial('tickets are issued once, registered, signed and audited, and kept without a name', async (t) => {
  const wanted = order();
  const answers = await Promise.all(Array.from({ length: 4 }, () => stack.for_order.issueTickets(wanted)));
  // A machine with much to do answers some of them before it is done, and goes on.
  t.true(answers.every(({ outcome }) => outcome === IssueOutcome.ISSUED || outcome === IssueOutcome.PENDING));
  const { tickets } = await untilOutcome(wanted, 'ISSUED');
  t.is(tickets.length, 2);
  for (const answer of answers) if (answer.outcome === IssueOutcome.ISSUED) t.deepEqual(answer.tickets, tickets);
  const [ticket] = tickets;
  t.true(ticket!.state === TicketState.VALID && ticket!.railwayRef !== '' && ticket!.qrToken.length < 190);
  t.is(await stack.registration(`${ticket!.itemId}-v3`), 'REGISTERED');
  const verdict = verifyOffline(ticket!.qrToken, await keysOffline(), Date.now());
  t.true(verdict.valid && verdict.facts.run_id === 'G101.20260115' && String(verdict.facts.ticket_id) === ticket!.ticketId);
  t.deepEqual(await audits('ticket.Issue', `ticket/${ticket!.ticketId}`), ['ok']);
  const [row] = await stack.db.query('SELECT * FROM ticket WHERE ticket_id = ?', [ticket!.ticketId]);
  const stored = JSON.stringify(row, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) + Buffer.from(row!.last_four_sealed as Buffer).toString('latin1');
  t.false(stored.includes(NAME) || stored.includes(ID_NUMBER) || stored.includes('002X'));
  const other = { ...wanted, items: [wanted.items[0]!] };
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.issueTickets(other))), 'CONFLICT');
});

test.serial('while the railway is away issuing is pending; it goes on by itself', async (t) => {
  const wanted = order();
  const fault = stack.railway.faults.add({ path: PATH, kind: 'fail', probability: 1, status: 503 });
  t.is((await stack.for_order.issueTickets(wanted)).outcome, IssueOutcome.PENDING);
  t.deepEqual((await stack.client.listTickets({ orderId: wanted.orderId }, stack.traveller)).tickets, []);
  stack.railway.faults.clear(fault.rule_id);
  t.is((await untilOutcome(wanted, 'ISSUED')).tickets.length, 2);
});

test.serial('a lost answer of the railway is no second registration', async (t) => {
  const wanted = order(['p1']);
  stack.railway.faults.add({ path: PATH, kind: 'timeout_after_success', probability: 1, times: 1, delay_ms: 100 });
  await stack.for_order.issueTickets(wanted);
  t.is((await untilOutcome(wanted, 'ISSUED')).tickets.length, 1);
});

test.serial('one refusal fails all, finally, and leaves nothing registered', async (t) => {
  const wanted = order(['p1', 'p2', 'p3']);
  stack.railway.faults.add({ path: PATH, kind: 'registration_refused', probability: 1, times: 1 });
  const failed = await stack.for_order.issueTickets(wanted);
  t.is(failed.outcome, IssueOutcome.FAILED);
  t.regex(failed.failureReason, /^RAILWAY_REFUSED/);
  const states = await Promise.all(wanted.items.map(({ itemId }) => stack.registration(`${itemId}-v3`)));
  t.deepEqual(states.toSorted(), ['NONE', 'VOID', 'VOID']);
  t.deepEqual(await stack.for_order.issueTickets(wanted), failed);
  t.deepEqual((await stack.client.listTickets({ orderId: wanted.orderId }, stack.traveller)).tickets, []);
  t.is((await stack.for_order.issueTickets(order(['p1', 'gone']))).failureReason, 'PASSENGER_NOT_FOUND');
});

test.serial('many orders are issued in one call and one request, each with its own outcome', async (t) => {
  const [good, refused, late, lost, known] = [order(['p1', 'p2']), order(['p1', 'p2']), order(['p3']), order(['p1']), order(['p2'])];
  const nobody = order(['p1', 'gone']);
  const first = await stack.for_order.issueTickets(known);
  const strike = (wanted: { items: { itemId: string }[] }, item: number, kind: string) => stack.railway.faults.add({ path: `${PATH}/${wanted.items[item]!.itemId}-v3`, kind, probability: 1, times: 1 });
  strike(refused, 1, 'registration_refused');
  strike(late, 0, 'fail');
  strike(lost, 0, 'timeout_after_success');
  const requests = stack.railway.faults.add({ path: PATH, kind: 'delay', probability: 1, delay_ms: 1 });
  const before = { ...asked };
  const { results } = await stack.for_order.batchIssueTickets({ requests: [good, refused, { ...good, orderId: 'x' }, late, lost, known, nobody] });
  t.is(requests.struck, 1, 'one request for all of them');
  t.true(asked.together > before.together, 'and identity is asked once');
  t.true(asked.alone - before.alone < 3, 'for all but what the sweeper began by then');
  const { ISSUED, FAILED, PENDING } = IssueOutcome;
  t.deepEqual(results.map(({ outcome }) => (outcome.case === 'issue' ? outcome.value.outcome : outcome.value?.message.split(':')[0])), [ISSUED, FAILED, 'ORDER_NOT_FOUND', PENDING, PENDING, ISSUED, FAILED]);
  const tickets = results.map(({ outcome }) => (outcome.case === 'issue' ? outcome.value.tickets.map(({ itemId, ticketId }) => [itemId, ticketId]) : []));
  t.deepEqual(tickets[0]!.map(([item_id]) => item_id), good.items.map(({ itemId }) => itemId));
  t.deepEqual(tickets[5], first.tickets.map(({ itemId, ticketId }) => [itemId, ticketId]));
  t.deepEqual(await Promise.all(refused.items.map(({ itemId }) => stack.registration(`${itemId}-v3`))), ['VOID', 'NONE']);
  // The sweeper goes on with both, and the registration whose answer was lost is no second one.
  t.is((await untilOutcome(late, 'ISSUED')).tickets.length, 1);
  t.is((await untilOutcome(lost, 'ISSUED')).tickets.length, 1);
  const mine = await stack.client.listTickets({ orderId: good.orderId }, stack.traveller);
  t.true(mine.tickets.every(({ qrToken, railwayRef }) => qrToken !== '' && railwayRef !== ''));
  await t.throwsAsync(stack.for_order.batchIssueTickets({ requests: Array.from({ length: 65 }, () => good) }), { message: /FIELD_INVALID|at most 64/ });
});

test.serial('an identity that does not know the batch yet is asked for each order', async (t) => {
  identity_old = true;
  const before = asked.alone;
  const { results } = await stack.for_order.batchIssueTickets({ requests: [order(['p1']), order(['gone']), order(['p2', 'p3'])] });
  const { ISSUED, FAILED } = IssueOutcome;
  t.deepEqual(results.map(({ outcome }) => (outcome.case === 'issue' ? outcome.value.outcome : undefined)), [ISSUED, FAILED, ISSUED]);
  t.is(asked.alone - before, 3);
});

test.serial('after the last try it fails, and what was registered is voided first', async (t) => {
  const wanted = order(['p1', 'p2']);
  stack.railway.faults.add({ path: `${PATH}/${wanted.items[0]!.itemId}-v3`, kind: 'fail', probability: 1, times: 1, status: 500 });
  t.is((await stack.for_order.issueTickets(wanted)).outcome, IssueOutcome.PENDING);
  identity_away = true;
  const states = () => Promise.all(wanted.items.map(({ itemId }) => stack.registration(`${itemId}-v3`)));
  t.deepEqual((await states()).toSorted(), ['NONE', 'REGISTERED']);
  t.is((await untilOutcome(wanted, 'FAILED')).failureReason, 'DEPENDENCY_UNAVAILABLE');
  t.deepEqual((await states()).toSorted(), ['NONE', 'VOID']);
});

test.serial('a voided ticket is in the signed set, is forgotten by the railway even late, and verifies no more', async (t) => {
  const wanted = order(['p1', 'p2'], 'G7.20260116');
  const { tickets } = await stack.for_order.issueTickets(wanted);
  stack.railway.faults.add({ path: `${PATH}/*`, kind: 'fail', probability: 1, times: 2, status: 500 });
  const voided = await stack.for_order.voidTickets({ orderId: wanted.orderId, itemIds: [wanted.items[0]!.itemId], reason: 'REFUND' });
  t.deepEqual(voided.tickets.map(({ state }) => state), [TicketState.VOID]);
  await stack.for_order.voidTickets({ orderId: wanted.orderId, itemIds: [wanted.items[0]!.itemId], reason: 'REFUND' });
  t.deepEqual(await audits('ticket.Void', `ticket/${tickets[0]!.ticketId}`), ['ok']);
  t.is(await untilRegistration(`${wanted.items[0]!.itemId}-v3`, 'VOID'), 'VOID');
  t.is(await stack.registration(`${wanted.items[1]!.itemId}-v3`), 'REGISTERED');

  const set = await stack.client.getRevocations({ runId: 'G7.20260116' });
  const keys = await keysOffline();
  const key = keys.find(({ key_id }) => key_id === set.keyId)!;
  const unsigned = create(GetRevocationsResponseSchema, { runId: set.runId, asOf: set.asOf, revoked: set.revoked, keyId: set.keyId, freshUntil: set.freshUntil });
  t.true(areRevocationsSigned(toBinary(GetRevocationsResponseSchema, unsigned), set.signature, key));
  t.false(areRevocationsSigned(toBinary(GetRevocationsResponseSchema, { ...unsigned, revoked: [] }), set.signature, key));
  t.false(areRevocationsSigned(toBinary(GetRevocationsResponseSchema, { ...unsigned, freshUntil: timestampFromMs(4e12) }), set.signature, key));
  const revocations = { run_id: set.runId, as_of_ms: timestampMs(set.asOf!), fresh_until_ms: timestampMs(set.freshUntil!), revoked: set.revoked.map(({ ticketId, version }) => ({ ticket_id: ticketId, version })) };
  t.like(verifyOffline(tickets[0]!.qrToken, keys, Date.now(), { revocations }), { valid: false, reason: 'REVOKED' });
  t.like(verifyOffline(tickets[1]!.qrToken, keys, Date.now(), { revocations }), { valid: true, currency: 'CURRENT' });
  t.like(verifyOffline(tickets[1]!.qrToken, keys, revocations.fresh_until_ms + 1, { revocations }), { valid: true, currency: 'STALE' });
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.voidTickets({ orderId: wanted.orderId, itemIds: [`${wanted.orderId}-9`], reason: 'x' }))), 'TICKET_NOT_FOUND');
});

test.serial('tickets of a run that is late count for longer than they say, with a line and without', async (t) => {
  const [late, other] = [order(['p1'], 'G8.20260116'), order(['p1'], 'G9.20260116')];
  const tickets = [(await stack.for_order.issueTickets(late)).tickets[0]!, (await stack.for_order.issueTickets(other)).tickets[0]!];
  const [issued_ms, arrival_ms] = [timestampMs(tickets[0]!.notAfter!), timestampMs(late.items[0]!.journey.arrivalTime) + 2 * DAY_MS];
  const keep = (ms: number) => stack.for_order.keepTickets({ runId: 'G8.20260116', arrivalTime: timestampFromMs(ms) });
  await keep(arrival_ms);
  // Words may come twice, and in any order.
  await keep(arrival_ms);
  await keep(arrival_ms - DAY_MS);
  t.deepEqual(await audits('ticket.Keep', 'run/G8.20260116'), ['ok']);
  const set = await stack.client.getRevocations({ runId: 'G8.20260116' });
  t.is(timestampMs(set.ticketsUntil!), arrival_ms + DAY_MS);
  t.is((await stack.client.getRevocations({ runId: 'G9.20260116' })).ticketsUntil, undefined);
  const keys = await keysOffline();
  const key = keys.find(({ key_id }) => key_id === set.keyId)!;
  t.true(areRevocationsSigned(toBinary(GetRevocationsResponseSchema, { ...set, signature: new Uint8Array() }), set.signature, key));
  t.false(areRevocationsSigned(toBinary(GetRevocationsResponseSchema, { ...set, ticketsUntil: undefined, signature: new Uint8Array() }), set.signature, key));
  const revocations = { run_id: set.runId, as_of_ms: timestampMs(set.asOf!), fresh_until_ms: timestampMs(set.freshUntil!), tickets_until_ms: timestampMs(set.ticketsUntil!), revoked: [] };
  const verdict = (index: number, now_ms: number) => verifyOffline(tickets[index]!.qrToken, keys, now_ms, { revocations });
  t.like(verdict(0, issued_ms + 1), { valid: true });
  t.like(verdict(0, arrival_ms + DAY_MS + 1), { valid: false, reason: 'EXPIRED' });
  t.like(verdict(1, issued_ms + 1), { valid: false, reason: 'EXPIRED' }, 'of another run the set says nothing');
  // With a line: as if the time that the tickets say were over.
  await stack.db.query('UPDATE ticket SET not_after = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR WHERE order_id IN (?, ?)', [late.orderId, other.orderId]);
  const inspect = async (index: number) => (await stack.client.inspectTicket({ qrToken: tickets[index]!.qrToken, admit: true }, stack.inspector)).reason;
  t.deepEqual([await inspect(0), await inspect(1)], ['', 'TICKET_NOT_VALID']);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.keepTickets({ runId: 'G8.20260116', arrivalTime: timestampFromMs(arrival_ms) }, stack.operator))), 'NOT_ALLOWED');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.keepTickets({ runId: 'G8.20260116' }))), 'FIELD_INVALID');
});

test.serial('an inspection admits once, checks the document and is audited', async (t) => {
  const wanted = order(['p1', 'p2']);
  const { tickets } = await stack.for_order.issueTickets(wanted);
  const [first, second] = tickets.map(({ qrToken }) => qrToken);
  const inspect = (qrToken: string, more: { idLastFour?: string; admit?: boolean } = {}) => stack.client.inspectTicket({ qrToken, ...more }, stack.inspector);
  t.like(await inspect(first!, { idLastFour: '002x' }), { valid: true, reason: '' });
  t.like(await inspect(first!, { idLastFour: '1234', admit: true }), { valid: false, reason: 'REAL_NAME_REJECTED' });
  const gates = await Promise.all(Array.from({ length: 6 }, () => inspect(first!, { idLastFour: '002X', admit: true })));
  t.is(gates.filter(({ valid }) => valid).length, 1);
  t.true(gates.every((gate) => gate.valid === (gate.reason === '') && ['', 'TICKET_NOT_VALID'].includes(gate.reason)));
  t.like(await inspect(first!), { valid: true });
  t.is((await inspect(first!)).ticket!.qrToken, '');
  t.like(await inspect(`${first!.slice(0, -6)}AAAAAA`), { valid: false, reason: 'SIGNATURE_INVALID', ticket: undefined });
  t.is((await audits('ticket.Inspect', `ticket/${tickets[0]!.ticketId}`)).filter((result) => result === 'admitted').length, 1);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.voidTickets({ orderId: wanted.orderId, reason: 'x' }))), 'TICKET_NOT_VALID');
  t.like(await inspect(second!), { valid: true }, 'all or none');
  await stack.for_order.voidTickets({ orderId: wanted.orderId, itemIds: [wanted.items[1]!.itemId], reason: 'x' });
  t.like(await inspect(second!, { admit: true }), { valid: false, reason: 'TICKET_NOT_VALID' });
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.inspectTicket({ qrToken: first! }, stack.traveller))), 'NOT_ALLOWED');
});

test.serial("another account's ticket is as good as none, and an operator gets no code", async (t) => {
  const wanted = order(['p1']);
  const { tickets } = await stack.for_order.issueTickets(wanted);
  const { ticketId, qrToken } = tickets[0]!;
  t.is((await stack.client.getTicket({ ticketId }, stack.traveller)).ticket!.qrToken, qrToken);
  t.is((await stack.client.listTickets({ orderId: wanted.orderId }, stack.operator)).tickets[0]!.qrToken, '');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.getTicket({ ticketId }, stack.stranger))), 'TICKET_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.listTickets({ orderId: wanted.orderId }, stack.stranger))), 'ORDER_NOT_FOUND');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.issueTickets(wanted, stack.traveller))), 'NOT_ALLOWED');
});

test.serial('a ride with changes of seats has all of them: on the ticket, in its code, at the railway and at the gate', async (t) => {
  const wanted = order(['p1']);
  const seat = (coachNo: string, seatNo: string) => ({ coachNo, seatNo, seatClass: SeatClass.SECOND });
  const seatParts = [{ seat: seat('05', '1A'), fromIndex: 0, toIndex: 1 }, { seat: seat('07', '3F'), fromIndex: 1, toIndex: 3 }, { seat: seat('16', '20C'), fromIndex: 3, toIndex: 4 }];
  const items = [{ ...wanted.items[0]!, seatParts }];
  const { tickets } = await stack.for_order.issueTickets({ ...wanted, items });
  const places = ({ seatParts: parts }: (typeof tickets)[number]) => parts.map((part) => `${part.fromIndex} ${part.seat?.coachNo}-${part.seat?.seatNo} ${part.toIndex}`);
  const all = ['0 05-1A 1', '1 07-3F 3', '3 16-20C 4'];
  t.deepEqual(places(tickets[0]!), all);
  t.is(tickets[0]!.seat?.seatNo, '1A');
  t.deepEqual(places((await stack.client.getTicket({ ticketId: tickets[0]!.ticketId }, stack.traveller)).ticket!), all);
  t.deepEqual(places((await stack.client.inspectTicket({ qrToken: tickets[0]!.qrToken }, stack.inspector)).ticket!), all);
  const verdict = verifyOffline(tickets[0]!.qrToken, await keysOffline(), Date.now());
  t.deepEqual(verdict.valid && [verdict.facts.ride?.from_index, verdict.facts.ride?.seats], [0, [{ place: '05-1A', to_index: 1 }, { place: '07-3F', to_index: 3 }, { place: '16-20C', to_index: 4 }]]);
  t.true(readFileSync(join(stack.folder, 'railway.jsonl'), 'utf8').includes('"seat":"05-1A,07-3F,16-20C"'));
  for (const gap of [seatParts.slice(1), seatParts.slice(0, 2), [seatParts[0]!, seatParts[2]!], [...seatParts.slice(0, 2), seatParts[1]!]]) {
    t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.issueTickets({ ...order(['p1']), items: [{ ...items[0]!, seatParts: gap }] }))), 'FIELD_INVALID');
  }
});

test.serial('a gate that lost the answer asks again and is told the same; anybody else hears that the ticket is used', async (t) => {
  const { tickets } = await stack.for_order.issueTickets(order(['p1', 'p2']));
  const [first, second] = tickets.map(({ qrToken }) => qrToken);
  const request = { qrToken: first!, idLastFour: '002X', admit: true, requestId: uuid7(systemClock, systemRandom) };
  const answers = await Promise.all(Array.from({ length: 5 }, () => stack.client.inspectTicket(request, stack.inspector)));
  answers.push(await stack.client.inspectTicket(request, stack.inspector));
  for (const answer of answers) t.like(answer, { valid: true, reason: '' });
  t.is(answers.at(-1)!.ticket!.state, TicketState.USED);
  t.is((await audits('ticket.Inspect', `ticket/${tickets[0]!.ticketId}`)).filter((result) => result === 'admitted').length, 1);
  t.like(await stack.client.inspectTicket({ ...request, requestId: uuid7(systemClock, systemRandom) }, stack.inspector), { valid: false, reason: 'TICKET_NOT_VALID' });
  t.like(await stack.client.inspectTicket({ ...request, requestId: '' }, stack.inspector), { valid: false, reason: 'TICKET_NOT_VALID' });
  t.like(await stack.client.inspectTicket(request, stack.operator), { valid: false, reason: 'TICKET_NOT_VALID' }, 'the id of another inspector is another request');
  t.like(await stack.client.inspectTicket({ ...request, idLastFour: '1234' }, stack.inspector), { valid: false, reason: 'REAL_NAME_REJECTED' });
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.inspectTicket({ ...request, qrToken: second! }, stack.inspector))), 'REQUEST_ID_REUSED');
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.inspectTicket({ ...request, requestId: 'again' }, stack.inspector))), 'REQUEST_ID_INVALID');
  t.like(await stack.client.inspectTicket({ qrToken: second!, admit: true }, stack.inspector), { valid: true });
});

test.serial('whose ticket it is a gate without a line can prove, a traveller can not', async (t) => {
  const wanted = order(['p1']);
  const { tickets } = await stack.for_order.issueTickets(wanted);
  const keys = await keysOffline();
  const { key: gate_key } = await stack.client.getGateKey({ runId: 'G101.20260115' }, stack.inspector);
  t.like(verifyOffline(tickets[0]!.qrToken, keys, Date.now(), { holder: { gate_key, id_number: ID_NUMBER } }), { valid: true, holder: 'MATCHES' });
  t.like(verifyOffline(tickets[0]!.qrToken, keys, Date.now(), { holder: { gate_key, id_number: '110105194912310021' } }), { valid: false, reason: 'OTHER_HOLDER' });
  const { key: other } = await stack.client.getGateKey({ runId: 'G102.20260115' }, stack.inspector);
  t.notDeepEqual(other, gate_key);
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.client.getGateKey({ runId: 'G101.20260115' }, stack.traveller))), 'NOT_ALLOWED');
  t.deepEqual(await audits('ticket.GateKey', 'run/G101.20260115'), ['ok']);
});

test.serial('a ticket that would outlive its key is not begun', async (t) => {
  const wanted = order(['p1']);
  const far = timestampFromMs(Date.now() + 59 * DAY_MS);
  const items = [{ ...wanted.items[0]!, journey: { ...wanted.items[0]!.journey, arrivalTime: far } }];
  t.is(reason(await t.throwsAsync<RpcError>(() => stack.for_order.issueTickets({ ...wanted, items }))), 'FIELD_INVALID');
});

test.serial('a new key is published before it signs, signs alone, and the old one proves its tickets until they end', async (t) => {
  const old = (await stack.for_order.issueTickets(order(['p1']))).tickets[0]!;
  const kidOf = (token: string) => token.split('.')[1];
  t.is(kidOf(old.qrToken), 'k0001');
  await addKey(stack.dirs.signing_keys_dir, 'ticket', 'k0002');
  const published = await untilKeys((keys) => keys.length === 2);
  const [first, second] = published;
  t.like(second, { key_id: 'k0002', not_after_ms: undefined });
  t.true(second!.not_before_ms - Date.now() > 3_000_000 && first!.not_after_ms! - second!.not_before_ms === 60 * DAY_MS);
  t.is(kidOf((await stack.for_order.issueTickets(order(['p1']))).tickets[0]!.qrToken), 'k0001', 'gates do not know the new one yet');

  await letPass(3600);
  await untilKeys((keys) => keys[1]!.not_before_ms <= Date.now());
  const fresh = (await stack.for_order.issueTickets(order(['p1']))).tickets[0]!;
  t.is(kidOf(fresh.qrToken), 'k0002');
  // A second process, which never saw a file of the old key, agrees with the first.
  rmSync(join(stack.dirs.signing_keys_dir, 'ticket-k0001.pem'));
  const beside = await start({ ...stack.config, ticketing_port: 0 });
  const [client, web] = ['order', 'web'].map((service) => createClient(TicketingService, { address: beside.address, service, caller_key: service === 'order' ? caller_key : undefined, default_timeout_ms: 10_000 }));
  t.teardown(async () => {
    client!.close();
    web!.close();
    await beside.stop();
  });
  t.is(kidOf((await client!.issueTickets(order(['p1']))).tickets[0]!.qrToken), 'k0002');
  for (const token of [old.qrToken, fresh.qrToken]) {
    t.like(await web!.inspectTicket({ qrToken: token }, stack.inspector), { valid: true });
    t.true(verifyOffline(token, await keysOffline(), Date.now()).valid);
  }
  t.deepEqual((await keysOffline()).map(({ key_id }) => key_id), ['k0001', 'k0002']);
  await letPass(60 * 86_400);
  await untilKeys((keys) => keys.length === 1 && keys[0]!.key_id === 'k0002');
});

test.serial('a file that is another key than was published under its name signs nothing', async (t) => {
  const [newest] = (await keysOffline()).toReversed();
  await addKey(stack.dirs.signing_keys_dir, 'ticket', 'k0009');
  const published = await untilKeys((keys) => keys.some(({ key_id }) => key_id === 'k0009'));
  rmSync(join(stack.dirs.signing_keys_dir, 'ticket-k0009.pem'));
  await addKey(stack.dirs.signing_keys_dir, 'ticket', 'k0009');
  await letPass(3600);
  await untilKeys((keys) => keys.find(({ key_id }) => key_id === 'k0009')!.not_before_ms <= Date.now());
  t.deepEqual((await keysOffline()).find(({ key_id }) => key_id === 'k0009')!.public_key, published.find(({ key_id }) => key_id === 'k0009')!.public_key);
  const { qrToken } = (await stack.for_order.issueTickets(order(['p1']))).tickets[0]!;
  t.is(qrToken.split('.')[1], newest!.key_id);
  t.true(verifyOffline(qrToken, await keysOffline(), Date.now()).valid);
});

/** Time passes for the keys: everything that was set for a time comes so much sooner. */
async function letPass(seconds: number): Promise<void> {
  await stack.db.query('UPDATE signing_key SET activate_time = activate_time - INTERVAL ? SECOND', [seconds]);
}

async function untilKeys(fits: (keys: OfflineKey[]) => boolean): Promise<OfflineKey[]> {
  for (let tries = 0; tries < 400; tries += 1) {
    const keys = await keysOffline();
    if (fits(keys)) return keys;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the published keys did not change');
}
