import test from 'ava';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { geneOf } from '#kit/base/snowflake.ts';
import { IdType, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { outcomeFailure } from '#kit/rpc/status.ts';
import { bearer, dumpTables, openIdentity, reasonOf, registerSomebody, requestId } from './identity_world.ts';
import { eventually } from '../support/processes.ts';

const world = await openIdentity({ IDENTITY_OPERATOR_LOGIN: 'operator', IDENTITY_OPERATOR_PASSWORD: 'operator-2026' });
const { client } = world;
test.after.always(() => world.lifecycle.stop());

const PERSON = { name: '韩梅梅', idType: IdType.RESIDENT, idNumber: '11010519491231002X', passengerType: PassengerType.ADULT, phone: '13912345678' };
const person = (more: Partial<Omit<typeof PERSON, 'idType'> & { idType: IdType }> = {}) => ({ requestId: requestId(), ...PERSON, ...more });
const login = (login_name: string, password: string) => client.logIn({ loginName: login_name, password, deviceId: 'device-1' });

test('who registers is logged in, and the token says who it is', async (t) => {
  const { account_id, tokens, auth, login_name } = await registerSomebody(world);
  const claims = decodeJwt(tokens.accessToken);
  t.like(claims, { iss: 'chunyun', aud: 'chunyun', sub: account_id, tenant: 'rail', channel: 'web', device_id: 'device-1', roles: ['traveller'], member_level: 0, city: '北京' });
  t.is(claims.exp! - claims.iat!, 900);
  t.is(typeof claims.jti, 'string');
  t.like(decodeProtectedHeader(tokens.accessToken), { alg: 'ES256', kid: 'k0001' });
  const { account } = await client.getAccount({}, auth);
  t.like(account, { accountId: account_id, loginName: login_name, phoneMasked: '138****8000' });
});

test('a repeated registration is the same account, another body or password is refused', async (t) => {
  const request = { requestId: requestId(), loginName: 'Repeater', password: 'spring-2026', phone: '13800138000', deviceId: 'd' };
  const first = await client.register(request);
  const second = await client.register(request);
  t.is(second.account?.accountId, first.account?.accountId);
  t.is(await reasonOf(client.register({ ...request, phone: '13800138001' })), 'REQUEST_ID_REUSED');
  t.is(await reasonOf(client.register({ ...request, password: 'summer-2026' })), 'REQUEST_ID_REUSED');
  t.is(await reasonOf(client.register({ ...request, requestId: requestId(), loginName: 'rEPEATER' })), 'ACCOUNT_EXISTS');
  t.is(await reasonOf(client.register({ ...request, requestId: 'x' })), 'REQUEST_ID_INVALID');
});

test('a wrong password and an unknown name get the same answer, and guessing is slowed down for both', async (t) => {
  const { login_name, password } = await registerSomebody(world);
  t.is((await login(login_name.toUpperCase(), password)).account?.loginName, login_name);
  for (const name of [login_name, 'nobody_here']) {
    for (let guess = 0; guess < 5; guess += 1) t.is(await reasonOf(login(name, 'wrong-password-1')), 'CREDENTIALS_WRONG');
    const error = await t.throwsAsync(login(name, password));
    t.is((error as { reason?: string }).reason, 'THROTTLED');
    t.true((error as unknown as { retry_after_ms: number }).retry_after_ms > 20_000);
  }
});

test('guesses side by side are counted one by one', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const reasons = await Promise.all(Array.from({ length: 20 }, () => reasonOf(login(`victim_${round}`, 'wrong-password-1'))));
    t.is(reasons.filter((reason) => reason === 'CREDENTIALS_WRONG').length, 5, reasons.join());
    t.is(reasons.filter((reason) => reason === 'THROTTLED').length, 15, reasons.join());
  }
});

test('the owner may log in on several devices at once', async (t) => {
  const { login_name, password } = await registerSomebody(world);
  for (let round = 0; round < 3; round += 1) {
    const reasons = await Promise.all(Array.from({ length: 5 }, () => reasonOf(login(login_name, password))));
    t.deepEqual(reasons, Array.from({ length: 5 }, () => 'OK'));
  }
  const more = await Promise.allSettled(Array.from({ length: 20 }, () => login(login_name, password)));
  const waits_ms = more.flatMap((one) => (one.status === 'rejected' ? [(one.reason as { retry_after_ms: number }).retry_after_ms] : []));
  t.true(waits_ms.length > 0 && waits_ms.every((wait_ms) => wait_ms <= 2000), `more at once wait for a moment only: ${waits_ms.join()}`);
});

test('a refresh token is good once; using it again ends the session', async (t) => {
  const { tokens } = await registerSomebody(world);
  const refresh = (refresh_token: string | undefined, device_id = 'device-1') => client.refreshTokens({ refreshToken: refresh_token, deviceId: device_id });
  t.is(await reasonOf(refresh(tokens.refreshToken, 'another-device')), 'TOKEN_INVALID');
  const second = await refresh(tokens.refreshToken);
  t.is(await reasonOf(client.getAccount({}, bearer(second.tokens?.accessToken))), 'OK');
  t.is(await reasonOf(refresh(tokens.refreshToken)), 'SESSION_REVOKED');
  t.is(await reasonOf(refresh(second.tokens?.refreshToken)), 'SESSION_REVOKED', 'the thief and the owner both lose it');
  t.is(await reasonOf(refresh('x'.repeat(43))), 'TOKEN_INVALID');
});

test('of two refreshes at once one wins', async (t) => {
  const { tokens } = await registerSomebody(world);
  const reasons = await Promise.all([1, 2].map(() => reasonOf(client.refreshTokens({ refreshToken: tokens.refreshToken }))));
  t.deepEqual(reasons.toSorted(), ['OK', 'SESSION_REVOKED']);
});

test('logging out ends the session, everywhere all of them', async (t) => {
  const { tokens, auth, login_name, password } = await registerSomebody(world);
  const other = await login(login_name, password);
  await client.logOut({}, auth);
  await client.logOut({}, auth);
  t.is(await reasonOf(client.refreshTokens({ refreshToken: tokens.refreshToken })), 'SESSION_REVOKED');
  const next = await client.refreshTokens({ refreshToken: other.tokens?.refreshToken });
  await client.logOut({ everywhere: true }, auth);
  t.is(await reasonOf(client.refreshTokens({ refreshToken: next.tokens?.refreshToken })), 'SESSION_REVOKED');
});

test('a token that was touched is refused', async (t) => {
  const { tokens } = await registerSomebody(world);
  const [head, body, signature] = tokens.accessToken.split('.') as [string, string, string];
  const claims = JSON.stringify({ ...decodeJwt(tokens.accessToken), sub: '1', roles: ['operator'] });
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  const forged = [`${head}.${Buffer.from(claims).toString('base64url')}.${signature}`, `${none}.${body}.`, `${head}.${body}.${signature.slice(0, -4)}AAAA`, `${head}.${body}`];
  for (const token of forged) t.is(await reasonOf(client.getAccount({}, bearer(token))), 'TOKEN_INVALID', token);
  t.is(await reasonOf(client.getAccount({})), 'TOKEN_MISSING');
});

test('a passenger is verified, masked, unique in the account and the same person in all', async (t) => {
  const [one, two] = [await registerSomebody(world), await registerSomebody(world)];
  const request = person();
  const { passenger } = await client.addPassenger(request, one.auth);
  t.like(passenger, { nameMasked: '韩**', idNumberMasked: '11**************2X', phoneMasked: '139****5678' });
  // A slow authority is answered as pending, and asked on.
  await eventually(async () => (await client.listPassengers({}, one.auth)).passengers[0]?.verifyState === VerifyState.VERIFIED);
  t.is(geneOf(BigInt(passenger!.passengerId)), geneOf(BigInt(one.account_id)));
  t.is((await client.addPassenger(request, one.auth)).passenger?.passengerId, passenger?.passengerId);
  t.is(await reasonOf(client.addPassenger({ ...request, name: '李雷' }, one.auth)), 'REQUEST_ID_REUSED');
  t.is(await reasonOf(client.addPassenger(person({ idNumber: '11010519491231002x' }), one.auth)), 'PASSENGER_EXISTS');
  t.is(await reasonOf(client.addPassenger(person({ idNumber: '110105194912310021' }), one.auth)), 'ID_NUMBER_INVALID');
  const second = await client.addPassenger(person(), two.auth);

  const order = world.as('order');
  const resolve = async (account_id: string, passenger_id: string) => (await order.resolvePassengers({ accountId: account_id, passengerIds: [passenger_id], inClear: true })).passengers[0];
  const resolved = await resolve(one.account_id, passenger!.passengerId);
  t.like(resolved, { name: PERSON.name, idNumber: PERSON.idNumber, birthDate: '1949-12-31' });
  t.is(resolved?.personBlindIndex, (await resolve(two.account_id, second.passenger!.passengerId))?.personBlindIndex);
  const masked = await order.resolvePassengers({ accountId: one.account_id, passengerIds: [passenger!.passengerId] });
  t.like(masked.passengers[0], { name: '', idNumber: '' });
});

test('passengers belong to their account', async (t) => {
  const [owner, stranger] = [await registerSomebody(world), await registerSomebody(world)];
  const { passenger } = await client.addPassenger(person(), owner.auth);
  const passenger_id = passenger!.passengerId;
  t.is((await client.listPassengers({}, stranger.auth)).passengers.length, 0);
  const attempts = [
    client.removePassenger({ requestId: requestId(), passengerId: passenger_id }, stranger.auth),
    client.verifyPassenger({ requestId: requestId(), passengerId: passenger_id }, stranger.auth),
    client.updatePassenger({ requestId: requestId(), passengerId: passenger_id, version: passenger!.version }, stranger.auth),
    world.as('order').resolvePassengers({ accountId: stranger.account_id, passengerIds: [passenger_id] }),
  ];
  for (const attempt of attempts) t.is(await reasonOf(attempt), 'PASSENGER_NOT_FOUND');
  t.is(await reasonOf(client.resolvePassengers({ accountId: owner.account_id, passengerIds: [passenger_id] }, owner.auth)), 'NOT_ALLOWED');
  t.is(await reasonOf(world.as('query').resolvePassengers({ accountId: owner.account_id, passengerIds: [passenger_id] })), 'NOT_ALLOWED');
});

test('looks at the passengers of many accounts at once keep everybody apart, and each is on record', async (t) => {
  const people = await Promise.all(Array.from({ length: 5 }, async () => {
    const somebody = await registerSomebody(world);
    return { ...somebody, passenger_id: (await client.addPassenger(person(), somebody.auth)).passenger!.passengerId };
  }));
  const order = world.as('order');
  // Everybody asks for their own passenger, and for that of the next account.
  const own = people.map(({ account_id, passenger_id }) => order.resolvePassengers({ accountId: account_id, passengerIds: [passenger_id] }));
  const strangers = people.map(({ account_id }, index) => order.resolvePassengers({ accountId: account_id, passengerIds: [people[(index + 1) % people.length]!.passenger_id] }));
  t.deepEqual((await Promise.all(own)).map(({ passengers }) => passengers.map(({ passenger }) => passenger?.passengerId)), people.map(({ passenger_id }) => [passenger_id]));
  for (const attempt of strangers) t.is(await reasonOf(attempt), 'PASSENGER_NOT_FOUND');
  for (const { account_id } of people) {
    const rows = await world.db.query<{ result: string }>("SELECT result FROM audit_record WHERE operation = 'identity.ResolvePassengers' AND target = ? AND actor_service = 'order' ORDER BY result", [`account/${account_id}`]);
    t.deepEqual(rows.map(({ result }) => result), ['PASSENGER_NOT_FOUND', 'ok']);
  }
});

test('ticketing asks for the passengers of many accounts in one call: each has an outcome of its own and is on record', async (t) => {
  const people = await Promise.all(Array.from({ length: 3 }, async () => {
    const somebody = await registerSomebody(world);
    return { ...somebody, passenger_id: (await client.addPassenger(person(), somebody.auth)).passenger!.passengerId };
  }));
  const [one, two, three] = people as [typeof people[number], typeof people[number], typeof people[number]];
  const wishes: [account_id: string, passenger_id: string][] = [[one.account_id, one.passenger_id], [two.account_id, three.passenger_id], [three.account_id, three.passenger_id], ['x', one.passenger_id]];
  const requests = wishes.map(([accountId, passenger_id]) => ({ accountId, passengerIds: [passenger_id], inClear: true }));
  const ticketing = world.as('ticketing');
  const { outcomes } = await ticketing.batchResolvePassengers({ requests });
  t.deepEqual(outcomes.map(({ passengers }) => passengers.map(({ passenger, name }) => [passenger?.passengerId, name])), [[[one.passenger_id, PERSON.name]], [], [[three.passenger_id, PERSON.name]], []]);
  t.deepEqual(outcomes.map(({ error }) => error === undefined ? 'OK' : outcomeFailure(error).reason), ['OK', 'PASSENGER_NOT_FOUND', 'OK', 'FIELD_INVALID']);
  for (const [account_id, result] of [[one.account_id, 'ok'], [two.account_id, 'PASSENGER_NOT_FOUND'], [three.account_id, 'ok']]) {
    const rows = await world.db.query<{ result: string }>("SELECT result FROM audit_record WHERE operation = 'identity.ResolvePassengers' AND target = ? AND actor_service = 'ticketing'", [`account/${account_id}`]);
    t.deepEqual(rows.map((row) => row.result), [result]);
  }
  t.is(await reasonOf(world.as('order').batchResolvePassengers({ requests })), 'NOT_ALLOWED');
  t.is(await reasonOf(ticketing.batchResolvePassengers({ requests: Array.from({ length: 257 }, () => requests[0]!) })), 'FIELD_INVALID');
});

test('a passenger is changed by version and removed for good', async (t) => {
  const { auth, account_id } = await registerSomebody(world);
  const { passenger } = await client.addPassenger(person(), auth);
  const passenger_id = passenger!.passengerId;
  const change = { requestId: requestId(), passengerId: passenger_id, passengerType: PassengerType.STUDENT, phone: '', version: passenger!.version };
  const changed = await client.updatePassenger(change, auth);
  t.like(changed.passenger, { passengerType: PassengerType.STUDENT, phoneMasked: '', version: passenger!.version + 1n });
  t.is(await reasonOf(client.updatePassenger(change, auth)), 'OK', 'a repeat is no second change');
  t.is(await reasonOf(client.updatePassenger({ ...change, requestId: requestId() }, auth)), 'VERSION_STALE');
  await client.removePassenger({ requestId: requestId(), passengerId: passenger_id }, auth);
  await client.removePassenger({ requestId: requestId(), passengerId: passenger_id }, auth);
  t.is((await client.listPassengers({}, auth)).passengers.length, 0);
  const ask = { accountId: account_id, passengerIds: [passenger_id] };
  t.is(await reasonOf(world.as('order').resolvePassengers(ask)), 'PASSENGER_NOT_FOUND', 'nobody buys for a removed passenger');
  t.is(await reasonOf(world.as('ticketing').resolvePassengers(ask)), 'OK', 'who has a ticket still travels');
  t.is(await reasonOf(client.addPassenger(person(), auth)), 'OK', 'and may be added again');
});

test('a list holds 30 passengers', async (t) => {
  const { auth } = await registerSomebody(world);
  const add = (index: number) => client.addPassenger(person({ idType: IdType.PASSPORT, idNumber: `E${1_000_000 + index}` }), auth);
  for (let index = 0; index < 28; index += 1) await add(index);
  const last = await Promise.all([28, 29, 30, 31].map((index) => reasonOf(add(index))));
  t.deepEqual(last.toSorted(), ['OK', 'OK', 'PASSENGER_LIMIT', 'PASSENGER_LIMIT']);
});

test('the first operator comes from the configuration', async (t) => {
  const { account, tokens } = await login('operator', 'operator-2026');
  t.deepEqual(account?.roles, ['operator', 'inspector']);
  t.deepEqual(decodeJwt(tokens!.accessToken).roles, ['operator', 'inspector']);
});

test('the contact of an account is told to notification only, and noted', async (t) => {
  const { account_id } = await registerSomebody(world, { phone: '13611112222', email: 'mail@example.com' });
  t.like(await world.as('notification').resolveContact({ accountId: account_id }), { phone: '13611112222', email: 'mail@example.com', language: 'zh' });
  t.is(await reasonOf(world.as('order').resolveContact({ accountId: account_id })), 'NOT_ALLOWED');
  const [row] = await world.db.query<{ seen: bigint }>("SELECT COUNT(*) AS seen FROM audit_record WHERE operation = 'identity.ResolveContact' AND target = ? AND actor_service = 'notification'", [`account/${account_id}`]);
  t.is(row?.seen, 1n);
});

test('contacts of many accounts are told in one call, those that are there, each noted', async (t) => {
  const [one, other] = [await registerSomebody(world, { phone: '13611113333', email: 'one@example.com' }), await registerSomebody(world, { phone: '13611114444', language: 'en' })];
  const { contacts } = await world.as('notification').resolveContacts({ accountIds: [other.account_id, '123', one.account_id] });
  const seen = new Map(contacts.map(({ accountId, phone, email, language }) => [accountId, [phone, email, language]]));
  t.deepEqual(seen, new Map([[one.account_id, ['13611113333', 'one@example.com', 'zh']], [other.account_id, ['13611114444', '', 'en']]]));
  t.deepEqual((await world.as('notification').resolveContacts({})).contacts, []);
  t.is(await reasonOf(world.as('order').resolveContacts({ accountIds: [one.account_id] })), 'NOT_ALLOWED');
  t.is(await reasonOf(world.as('notification').resolveContacts({ accountIds: Array.from({ length: 501 }, () => one.account_id) })), 'FIELD_INVALID');
  t.is(await reasonOf(world.as('notification').resolveContacts({ accountIds: ['x'] })), 'FIELD_INVALID');
  const notes = await world.db.query<{ target: string }>("SELECT target FROM audit_record WHERE operation = 'identity.ResolveContact' AND actor_service = 'notification' AND target IN (?)", [[one, other].map(({ account_id }) => `account/${account_id}`)]);
  t.is(notes.length, 2);
});

test('no table holds personal data or a token in clear', async (t) => {
  const secrets = { phone: '15987654321', email: 'zhang.san@example.org' };
  const { auth, tokens, password, login_name } = await registerSomebody(world, secrets);
  await client.addPassenger(person({ name: '诸葛孔明', idType: IdType.PASSPORT, idNumber: 'EZ7654321', phone: '18812349876' }), auth);
  await client.logIn({ loginName: login_name, password, deviceId: 'a-device-of-mine' }, { metadata: { 'x-forwarded-for': '203.0.113.77' } });
  const dump = await dumpTables(world.db);
  t.true(dump.includes(login_name), 'the dump sees what is there');
  for (const clear of [secrets.phone, secrets.email, '诸葛孔明', 'EZ7654321', '18812349876', tokens.refreshToken, tokens.accessToken, password, 'a-device-of-mine', '203.0.113.77']) {
    t.false(dump.includes(clear), clear);
    t.false(dump.includes(Buffer.from(clear).toString('hex')), `${clear} in hexadecimal`);
  }
});

test('an operator finds under what other services know the person of a document, which is on record without the document', async (t) => {
  const { account_id, auth } = await registerSomebody(world);
  const passenger = (await client.addPassenger(person(), auth)).passenger!;
  const { passengers } = await world.as('order').resolvePassengers({ accountId: account_id, passengerIds: [passenger.passengerId] });
  const operator = bearer((await login('operator', 'operator-2026')).tokens?.accessToken);
  const records = async () => world.db.query<{ result: string; target: string }>("SELECT target, result FROM audit_record WHERE operation = 'identity.FindPerson'");
  const find = (idNumber: string, idType: IdType = IdType.RESIDENT, who = operator) => client.findPerson({ idType, idNumber }, who);
  const { personBlindIndex } = await find(PERSON.idNumber);
  t.is(personBlindIndex, passengers[0]!.personBlindIndex);
  t.is((await find(` ${PERSON.idNumber.toLowerCase()} `)).personBlindIndex, personBlindIndex, 'as people type it');
  t.not((await find(PERSON.idNumber, IdType.PASSPORT)).personBlindIndex, personBlindIndex, 'another kind of document is another person');
  t.regex((await find('110105194912310099')).personBlindIndex, /^[0-9a-f]{32}$/, 'whether anybody travels under it is not told');
  t.deepEqual(await records(), Array.from({ length: 4 }, () => ({ target: 'person', result: 'ok' })) as never);
  t.false((await dumpTables(world.db)).includes('110105194912310099'));

  t.is(await reasonOf(find('123')), 'ID_NUMBER_INVALID');
  t.is(await reasonOf(find('1'.repeat(41))), 'ID_NUMBER_INVALID');
  t.is(await reasonOf(find(PERSON.idNumber, IdType.UNSPECIFIED)), 'FIELD_INVALID');
  t.is(await reasonOf(find(PERSON.idNumber, IdType.RESIDENT, auth)), 'NOT_ALLOWED');
  t.is(await reasonOf(client.findPerson({ idType: IdType.RESIDENT, idNumber: PERSON.idNumber })), 'TOKEN_MISSING');
  for (const service of ['order', 'ops']) t.is(await reasonOf(world.as(service).findPerson({ idType: IdType.RESIDENT, idNumber: PERSON.idNumber })), 'NOT_ALLOWED');
  t.is((await records()).length, 4, 'who may not ask, or asks for nothing, learns nothing');
});
