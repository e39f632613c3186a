import test from 'ava';
import { geneOf } from '#kit/base/snowflake.ts';
import { checkRegistration, geneForNewAccount, normalizePhone } from './account.ts';
import { birthDateOf, checkPassenger, personText } from './passenger.ts';
import { judgeRefresh, REFRESH_TOKEN_MS, SESSION_MS } from './session.ts';
import { FREE_GUESSES, pauseAfter_ms } from './throttle.ts';
import { afterAnswer, VERIFY_TRIES } from './verification.ts';

const GOOD = { login_name: 'li_lei', password: 'spring2026', phone: '138 0013 8000', email: '', language: 'zh', city: '' };
const reasonOf = (result: { ok: boolean; error?: { reason: string } }) => (result.ok ? 'ok' : result.error?.reason);

test('a registration is checked field by field', (t) => {
  t.is(reasonOf(checkRegistration(GOOD)), 'ok');
  for (const login_name of ['abc', '13800138000', 'a'.repeat(33), 'li lei', '李雷雷雷']) t.is(reasonOf(checkRegistration({ ...GOOD, login_name })), 'FIELD_INVALID', login_name);
  for (const password of ['short1', 'onlyletters', '12345678', 'aaaa1111', 'x-LI_LEI-1', 'a1'.repeat(65)]) t.is(reasonOf(checkRegistration({ ...GOOD, password })), 'PASSWORD_WEAK', password);
  t.is(reasonOf(checkRegistration({ ...GOOD, phone: '12800138000' })), 'PHONE_INVALID');
  t.is(reasonOf(checkRegistration({ ...GOOD, email: 'nobody' })), 'FIELD_INVALID');
});

test('a phone is compared by its digits', (t) => {
  for (const phone of ['13800138000', '+86 138-0013-8000', '008613800138000', '１３８００１３８０００']) t.is(normalizePhone(phone), '13800138000');
  t.is(normalizePhone('+1 13800138000'), undefined);
});

test('the gene of a name does not depend on its case', (t) => {
  t.is(geneForNewAccount('Li_Lei'), geneForNewAccount('li_lei'));
  t.is(geneOf(BigInt(geneForNewAccount('li_lei')) << 7n), geneForNewAccount('li_lei'));
});

const PERSON = { name: '韩梅梅', id_type: 'RESIDENT' as const, id_number: '11010519491231002x', passenger_type: 'ADULT' as const, phone: '' };

test('a passenger needs a name and the number of a document', (t) => {
  const checked = checkPassenger(PERSON, '2026-01-15');
  t.is(checked.ok ? checked.value.id_number : '', '11010519491231002X');
  t.is(reasonOf(checkPassenger({ ...PERSON, id_number: '110105194912310021' }, '2026-01-15')), 'ID_NUMBER_INVALID');
  t.is(reasonOf(checkPassenger({ ...PERSON, name: '<b>' }, '2026-01-15')), 'FIELD_INVALID');
  t.is(reasonOf(checkPassenger({ ...PERSON, id_type: undefined }, '2026-01-15')), 'FIELD_INVALID');
  t.is(reasonOf(checkPassenger({ ...PERSON, id_type: 'PASSPORT', id_number: 'e1234567' }, '2026-01-15')), 'ok');
  t.is(reasonOf(checkPassenger({ ...PERSON, phone: '1' }, '2026-01-15')), 'PHONE_INVALID');
  t.is(reasonOf(checkPassenger({ ...PERSON, name: '买买提·吐尔逊' }, '2026-01-15')), 'ok');
});

test('a person is a document, not a name', (t) => {
  t.is(personText({ id_type: 'RESIDENT', id_number: '11010519491231002X' }), 'RESIDENT|11010519491231002X');
  t.is(birthDateOf({ id_type: 'RESIDENT', id_number: '11010519491231002X' }), '1949-12-31');
  t.is(birthDateOf({ id_type: 'PASSPORT', id_number: 'E12345678' }), undefined);
});

test('pauses after wrong passwords double and end at 15 minutes', (t) => {
  t.is(pauseAfter_ms(FREE_GUESSES - 1), 0);
  t.is(pauseAfter_ms(FREE_GUESSES), 30_000);
  t.is(pauseAfter_ms(FREE_GUESSES + 1), 60_000);
  t.is(pauseAfter_ms(1000), 900_000);
});

test('a refresh token is good once', (t) => {
  const session = { session_id: 's', account_id: 1n, device_id: '', channel: 'web' as const, create_time_ms: 0 };
  const token = { session_id: 's', expire_time_ms: REFRESH_TOKEN_MS, used: false };
  t.is(judgeRefresh(token, session, 1), 'good');
  t.is(judgeRefresh(undefined, session, 1), 'unknown');
  t.is(judgeRefresh({ ...token, used: true }, session, 1), 'replayed');
  t.is(judgeRefresh({ ...token, used: true }, { ...session, revoke_time_ms: 1 }, 1), 'revoked');
  t.is(judgeRefresh(token, session, REFRESH_TOKEN_MS), 'expired');
  t.is(judgeRefresh({ ...token, expire_time_ms: SESSION_MS * 2 }, session, SESSION_MS), 'expired');
});

test('who could not be verified is asked about again, later and later, and in the end people look', (t) => {
  t.deepEqual(afterAnswer('VERIFIED', 1, 10_000), { verify_state: 'VERIFIED' });
  t.deepEqual(afterAnswer('REJECTED', 1, 10_000), { verify_state: 'REJECTED' });
  t.deepEqual(afterAnswer('UNREACHABLE', 1, 10_000), { verify_state: 'PENDING', wait_ms: 10_000 });
  t.deepEqual(afterAnswer('PENDING', 3, 10_000), { verify_state: 'PENDING', wait_ms: 40_000 });
  t.deepEqual(afterAnswer('UNREACHABLE', VERIFY_TRIES, 10_000), { verify_state: 'MANUAL' });
});
