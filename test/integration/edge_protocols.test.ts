/** The same contracts in every protocol: the same answers, and the same refusals, that leave no trace in any database. */
import { toJson, type DescMessage, type DescMethodUnary, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import test from 'ava';
import { IdentityService, IdType, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { OrderService } from '#gen/rail/order/v1/order_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { SeatService } from '#gen/rail/seat/v1/seat_pb.ts';
import { PassengerType, SeatClass, type Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { errorSpec, type ErrorReason } from '#kit/base/errors.ts';
import { checkDigit } from '#kit/base/id_number.ts';
import { fail } from '#kit/base/result.ts';
import { addDays } from '#kit/base/time.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Handlers } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { runSql } from '../../scripts/stack/sql.ts';
import { startEdge } from '../support/edge.ts';
import { newId, startTestStack, type TestStack } from '../support/edge_stack.ts';
import { waysInto, type Outcome, type Way } from '../support/edge_ways.ts';

let stack: TestStack;
let ways: Way[];
/** Any of them, for what only has to happen. */
let way: Way;
/** A day whose runs are on sale, and none has left yet. */
let day: string;
let journey: Journey;

test.before(async () => {
  stack = await startTestStack();
  ways = waysInto({ url: stack.page, tls_url: stack.page_tls });
  way = ways[0]!;
  day = addDays(stack.today, 1);
  // One account asks everything in every protocol here; limits have a file of their own.
  await stack.liftLimits();
  journey = await aJourney();
});

test.after.always(async () => {
  for (const { close } of ways ?? []) close?.();
  await stack?.stop();
});

test.serial('the same answer in every protocol', async (t) => {
  const { token } = await newAccount();
  const place = (station_id: string) => ({ place: { case: 'stationId' as const, value: station_id } });
  const stretch = { runId: journey.runId, fromStationId: journey.fromStationId, toStationId: journey.toStationId };
  const search = { from: place(journey.fromStationId), to: place(journey.toStationId), date: day };
  await alike(t, QueryService.method.suggestStations, { text: '北京', limit: 3 });
  await alike(t, QueryService.method.listStations, { pageSize: 5 });
  await alike(t, QueryService.method.searchTrains, { ...search, filter: { onlyAvailable: true } });
  await alike(t, QueryService.method.getTrainRun, { runId: journey.runId });
  await alike(t, QueryService.method.quoteFares, { ...stretch, passengerTypes: [PassengerType.ADULT, PassengerType.CHILD] });
  await alike(t, QueryService.method.getAvailability, stretch);
  await alike(t, SeatService.method.getSeatMap, stretch);
  await alike(t, IdentityService.method.getAccount, {}, bearer(token));
  await alike(t, IdentityService.method.listPassengers, {}, bearer(token));
});

test.serial('a server stream in every protocol that has streams', async (t) => {
  const search = { from: { place: { case: 'stationId' as const, value: journey.fromStationId } }, to: { place: { case: 'stationId' as const, value: journey.toStationId } }, date: day };
  for (const { name, first } of ways) {
    if (first === undefined) continue;
    const outcome = await first(QueryService.method.watchAvailability, { search }, 1);
    t.true('answer' in outcome && outcome.answer[0]!.offers.some((offer) => offer.journey?.runId === journey.runId), `${name}: ${show(outcome)}`);
    const refused = await first(OrderService.method.watchOrder, { orderId: '1' }, 1);
    checkRefusal(t, name, refused, 'TOKEN_MISSING', 'zh-CN');
    // The edge's own refusals come in both languages, of which our client keeps one.
    checkRefusal(t, name, await first(OrderService.method.watchOrder, { orderId: '1' }, 1, bearer('a.b.c')), 'TOKEN_INVALID', 'en');
  }
});

test.serial('a stream that breaks off says why, after what it had to say', async (t) => {
  const query = await startServer({ service: 'query', auth: {}, log: silentLog(), implementations: [implement(QueryService, breakingOff())] });
  const edge = await startEdge({ env: stack.env, instead: { QUERY_PORT: query.port } });
  const into = waysInto(edge);
  t.teardown(async () => {
    for (const { close } of into) close?.();
    await edge.stop();
    await query.stop();
  });
  for (const { name, first } of into) {
    if (first === undefined) continue;
    const one = await first(QueryService.method.watchAvailability, {}, 1);
    t.is('answer' in one ? one.answer[0]?.offers[0]?.originStationName : undefined, BOOKEND, name);
    checkRefusal(t, name, await first(QueryService.method.watchAvailability, {}, 2, { 'accept-language': 'en' }), 'SEAT_LOCKED', 'en');
  }
});

test.serial('logging in works in every protocol, and wrong passwords are told alike', async (t) => {
  const { login_name, password } = await newAccount();
  for (const { name, unary } of ways) {
    const outcome = await unary(IdentityService.method.logIn, { loginName: login_name, password });
    t.true('answer' in outcome && outcome.answer.tokens!.accessToken.split('.').length === 3, `${name}: ${show(outcome)}`);
  }
  for (const [index, { name, unary }] of ways.entries()) {
    const outcome = await unary(IdentityService.method.logIn, { loginName: `nobody_${index}_${Date.now()}`, password }, { 'accept-language': 'en' });
    checkRefusal(t, name, outcome, 'CREDENTIALS_WRONG', 'en');
  }
});

test.serial('bad questions get the same code, reason and sentence in every protocol', async (t) => {
  const at = (value: string) => ({ place: { case: 'stationId' as const, value } });
  const [from, to] = [at(journey.fromStationId), at(journey.toStationId)];
  const { searchTrains, listStations, getTrainRun, suggestStations, quoteFares } = QueryService.method;
  await refused(t, searchTrains, { from: at('atlantis'), to, date: day }, 'STATION_UNKNOWN');
  await refused(t, searchTrains, { from, to: from, date: day }, 'SAME_STATION');
  await refused(t, searchTrains, { from, to, date: addDays(stack.today, -1) }, 'DATE_PAST');
  await refused(t, searchTrains, { from, to, date: addDays(stack.today, 15) }, 'DATE_BEYOND_SALE_WINDOW');
  await refused(t, searchTrains, { from, to, date: '2026-02-30' }, 'FIELD_INVALID');
  await refused(t, searchTrains, { from, to, date: day, filter: { departureFromMin: 1441, departureToMin: 5000 } }, 'FIELD_INVALID');
  await refused(t, searchTrains, { from, to, date: day, pageSize: 501 }, 'FIELD_INVALID');
  await refused(t, searchTrains, { from, to, date: day, pageToken: 'AAAA' }, 'PAGE_TOKEN_INVALID');
  const first = await way.unary(listStations, { pageSize: 1 });
  if (!('answer' in first)) return t.fail(show(first));
  await refused(t, listStations, { pageSize: 1, pageToken: tampered(first.answer.nextPageToken) }, 'PAGE_TOKEN_INVALID');
  await refused(t, suggestStations, { text: '京'.repeat(33) }, 'FIELD_INVALID');
  await refused(t, getTrainRun, { runId: 'G1.19990101' }, 'TRAIN_RUN_NOT_FOUND');
  await refused(t, quoteFares, { runId: journey.runId, fromStationId: journey.toStationId, toStationId: journey.fromStationId }, 'STOPS_NOT_ON_RUN');
});

test.serial('bad writes get the same code, reason and sentence in every protocol, and change no row', async (t) => {
  const buyer = await newAccount();
  const other = await newAccount();
  const passenger = await newPassenger(buyer.token, '李明');
  const rejected = await newPassenger(buyer.token, '测试拒绝');
  const headers = bearer(buyer.token);
  const stretch = { runId: journey.runId, fromStationId: journey.fromStationId, toStationId: journey.toStationId };
  const traveller = (passengerId: string) => ({ passengerId, passengerType: PassengerType.ADULT, seatClasses: [SeatClass.SECOND] });
  const { submitOrder, getQueueStatus, leaveQueue, cancelOrder } = OrderService.method;
  const { addPassenger, updatePassenger } = IdentityService.method;

  const bought = await way.unary(submitOrder, { requestId: newId(), ...stretch, passengers: [traveller(passenger.passengerId)] }, headers);
  if (!('answer' in bought)) return t.fail(show(bought));
  const seat = await aFreeSeat();
  const locked = await way.unary(SeatService.method.lockSeats, { requestId: newId(), ...stretch, seats: [seat] }, bearer(other.token));
  t.true('answer' in locked, show(locked));
  const used_id = newId();
  const addition = { requestId: used_id, name: '王芳', idType: IdType.RESIDENT, idNumber: idNumber(), passengerType: PassengerType.ADULT };
  t.true('answer' in (await way.unary(addPassenger, addition, headers)));
  await settled();

  const before = await rowCounts();
  const submit = (passengers: ReturnType<typeof traveller>[]) => () => ({ requestId: newId(), ...stretch, passengers });
  await refused(t, submitOrder, submit([]), 'TOKEN_MISSING', {});
  await refused(t, submitOrder, submit(Array.from({ length: 6 }, (_, index) => traveller(String(index)))), 'TOO_MANY_PASSENGERS', headers);
  await refused(t, submitOrder, submit([traveller(passenger.passengerId)]), 'JOURNEY_OVERLAP', headers);
  await refused(t, submitOrder, submit([traveller(rejected.passengerId)]), 'REAL_NAME_REJECTED', headers);
  await refused(t, submitOrder, submit([traveller('12345')]), 'PASSENGER_NOT_FOUND', headers);
  await refused(t, submitOrder, { requestId: 'mine', ...stretch, passengers: [traveller(passenger.passengerId)] }, 'REQUEST_ID_INVALID', headers);
  await refused(t, SeatService.method.lockSeats, () => ({ requestId: newId(), ...stretch, seats: [seat] }), 'SEAT_LOCKED', headers);
  await refused(t, addPassenger, () => ({ ...addition, requestId: newId(), idNumber: wrongCheckDigit() }), 'ID_NUMBER_INVALID', headers);
  await refused(t, addPassenger, { ...addition, name: '王芳芳' }, 'REQUEST_ID_REUSED', headers);
  await refused(t, updatePassenger, () => ({ requestId: newId(), passengerId: passenger.passengerId, passengerType: PassengerType.STUDENT, version: passenger.version + 7n }), 'VERSION_STALE', headers);
  const token = bought.answer.status!.queueToken;
  await refused(t, getQueueStatus, { queueToken: tampered(token) }, 'QUEUE_ENTRY_NOT_FOUND', headers);
  await refused(t, getQueueStatus, { queueToken: token }, 'QUEUE_ENTRY_NOT_FOUND', bearer(other.token));
  await refused(t, leaveQueue, () => ({ requestId: newId(), queueToken: tampered(token) }), 'QUEUE_ENTRY_NOT_FOUND', headers);
  await refused(t, cancelOrder, () => ({ requestId: newId(), orderId: '123' }), 'ORDER_NOT_FOUND', headers);
  t.deepEqual(await rowCounts(), before);
});

test.serial('operators only: travellers are told so in every protocol that offers the method', async (t) => {
  const { token } = await newAccount();
  for (const { name, unary } of ways.filter((one) => one.name !== 'JSON')) {
    checkRefusal(t, name, await unary(QueryService.method.syncTimetable, { requestId: newId() }, bearer(token)), 'NOT_ALLOWED', 'zh-CN');
  }
});

/** Looks like the last envelope of a Connect stream, and is none. */
const BOOKEND = '\u0002\u0000\u0000\u0000\u0007{"type":"type.googleapis.com/x"}%20';

/** A query whose watching yields one answer and then fails with a status that has its own HTTP status. */
function breakingOff(): Handlers<typeof QueryService> {
  const none = (): never => unwrap(fail('NOT_IMPLEMENTED'));
  const handlers = Object.fromEntries(QueryService.methods.map((method) => [method.localName, none]));
  return {
    ...(handlers as unknown as Handlers<typeof QueryService>),
    async *watchAvailability() {
      yield { offers: [{ originStationName: BOOKEND }] };
      unwrap(fail('SEAT_LOCKED'));
    },
  };
}

type Test = { true(value: boolean, message?: string): void; is<T>(value: T, expected: T, message?: string): void; deepEqual(value: unknown, expected: unknown, message?: string): void };

async function alike<I extends DescMessage, O extends DescMessage>(t: Test, method: DescMethodUnary<I, O>, request: MessageInitShape<I>, headers?: Record<string, string>): Promise<void> {
  let expected: JsonObject | undefined;
  for (const { name, unary } of ways) {
    const outcome = await unary(method, request, headers);
    if (!('answer' in outcome)) return t.true(false, `${method.name} by ${name}: ${show(outcome)}`);
    // When an answer was made differs, and what is in it must not.
    // Made anew for a protocol whose request has other bytes.
    const { asOf: _, stamp: __, ...fields } = toJson(method.output, outcome.answer) as JsonObject;
    t.true(Object.keys(fields).length > 0 || method.name === 'ListPassengers', `${method.name} by ${name} is empty`);
    expected ??= fields;
    t.deepEqual(fields, expected, `${method.name} by ${name}`);
  }
}

async function refused<I extends DescMessage, O extends DescMessage>(t: Test, method: DescMethodUnary<I, O>, request: MessageInitShape<I> | (() => MessageInitShape<I>), reason: ErrorReason, headers: Record<string, string> = {}): Promise<void> {
  const make = typeof request === 'function' ? (request as () => MessageInitShape<I>) : () => request;
  for (const { name, unary } of ways) {
    for (const [accept_language, locale] of [['zh', 'zh-CN'], ['en-GB,en;q=0.9', 'en']] as const) {
      checkRefusal(t, `${method.name} by ${name}`, await unary(method, make(), { ...headers, 'accept-language': accept_language }), reason, locale);
    }
  }
}

function checkRefusal(t: Test, name: string, outcome: Outcome<unknown>, reason: ErrorReason, locale: 'zh-CN' | 'en'): void {
  if (!('refusal' in outcome)) return t.true(false, `${name} was not refused: ${show(outcome)}`);
  const { code, reason: given, sentences, http_status, header_names } = outcome.refusal;
  const spec = errorSpec(reason);
  t.deepEqual({ code, reason: given, sentence: sentences[locale] }, { code: spec.code, reason, sentence: locale === 'en' ? spec.message_en : spec.message_zh }, name);
  if (http_status !== undefined) t.is(http_status, spec.http_status, name);
  t.deepEqual(header_names.filter((header) => /^x-(http-status|edge-|envoy-)/.test(header)), [], name);
}

async function newAccount(): Promise<{ token: string; login_name: string; password: string }> {
  const login_name = `t_${newId().replaceAll('-', '').slice(-20)}`;
  const password = 'spring-2027';
  const outcome = await way.unary(IdentityService.method.register, { requestId: newId(), loginName: login_name, password, phone: '13800138000' });
  if (!('answer' in outcome)) throw new Error(show(outcome));
  return { token: outcome.answer.tokens!.accessToken, login_name, password };
}

async function newPassenger(token: string, name: string) {
  const outcome = await way.unary(IdentityService.method.addPassenger, { requestId: newId(), name, idType: IdType.RESIDENT, idNumber: idNumber(), passengerType: PassengerType.ADULT }, bearer(token));
  if (!('answer' in outcome)) throw new Error(show(outcome));
  const passenger = outcome.answer.passenger!;
  if (passenger.verifyState === VerifyState.PENDING) throw new Error('the authority of the sandbox did not answer');
  return passenger;
}

let people = 0;

function idNumber(): string {
  const first_17 = `1101051990010${String(1000 + people++)}`;
  return first_17 + checkDigit(first_17);
}

function wrongCheckDigit(): string {
  const right = idNumber();
  return `${right.slice(0, 17)}${right.endsWith('1') ? '2' : '1'}`;
}

/** A stretch of a run of that day with second-class seats. */
async function aJourney(): Promise<Journey> {
  const listed = await way.unary(QueryService.method.listStations, { pageSize: 1000 });
  if (!('answer' in listed)) throw new Error(show(listed));
  const cities = [...new Set(listed.answer.stations.map((station) => station.cityZh))];
  for (const from of cities) {
    for (const to of cities.filter((city) => city !== from)) {
      const found = await way.unary(QueryService.method.searchTrains, { from: { place: { case: 'cityZh', value: from } }, to: { place: { case: 'cityZh', value: to } }, date: day });
      if (!('answer' in found)) throw new Error(show(found));
      const offer = found.answer.offers.find((one) => one.classes.some(({ seatClass, remaining }) => seatClass === SeatClass.SECOND && remaining > 10));
      if (offer !== undefined) return offer.journey!;
    }
  }
  throw new Error('no run with second-class seats');
}

async function aFreeSeat() {
  const map = await way.unary(SeatService.method.getSeatMap, { runId: journey.runId, fromStationId: journey.fromStationId, toStationId: journey.toStationId });
  if (!('answer' in map)) throw new Error(show(map));
  return map.answer.coaches.flatMap((coach) => coach.seats).findLast((seat) => seat.free && seat.seat?.seatClass === SeatClass.SECOND)!.seat!;
}

/**
 * Rows of every table of business, by table. Left out: what moves by itself (leases, events, messages on their way), and
 * what is written because somebody asked (that personal data was looked at, that a password was guessed at).
 */
async function rowCounts(): Promise<Record<string, number>> {
  const [tables] = await runSql(stack.env.MYSQL_ADMIN_URL!, ["SELECT CONCAT(table_schema, '.', table_name) AS name FROM information_schema.tables WHERE table_schema LIKE 'chunyun\\\\_%' ORDER BY 1"]);
  const names = tables!.map((row) => String(row.name)).filter((name) => !MOVING.test(name));
  const counts = await runSql(stack.env.MYSQL_ADMIN_URL!, names.map((name) => `SELECT COUNT(*) AS n FROM ${name}`));
  return Object.fromEntries(names.map((name, index) => [name, Number(counts[index]![0]!.n)]));
}

const MOVING = /^chunyun_notification\.|\.(lease|worker_lease|schema_migration|inbox|delivery|outbox_partition|outbox_relay|job_run|job_gate|evidence|login_guess|audit_record)$/;

/** Until the purchase above has come to rest: an order that waits for payment. */
async function settled(): Promise<void> {
  for (let last = ''; ;) {
    const now = JSON.stringify(await rowCounts());
    if (now === last) return;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function tampered(token: string): string {
  const at = Math.floor(token.length / 2);
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function show(outcome: unknown): string {
  return JSON.stringify(outcome, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))?.slice(0, 600);
}

