import test from 'ava';
import { IdType } from '#gen/rail/identity/v1/identity_pb.ts';
import { nextPath } from '../app/next_path.ts';
import { checkRegistration } from './account/rules.ts';
import { idNumberProblem, isName } from './passengers/rules.ts';
import { cashierUrl } from './pay/pay_url.ts';
import { wishFromSearch, wishToSearch } from './search/journey_wish.ts';
import { fromCandidates } from './search/place.ts';

test('[web] a registration is checked as the contract states', (t) => {
  const good = { login_name: 'chun_yun', password: 'Tuan-yuan', password_again: 'Tuan-yuan', phone: '13912345678', email: '' };
  t.deepEqual(checkRegistration(good), {});
  t.deepEqual(checkRegistration({ login_name: 'x', password: 'aaaaaaaa', password_again: '', phone: '12345', email: 'nobody' }), {
    login_name: 'login_name', password: 'password', password_again: 'password_again', phone: 'phone', email: 'email',
  });
});

test('[web] ID numbers by GB 11643, other documents by shape', (t) => {
  const today = '2026-01-28';
  t.is(idNumberProblem(IdType.RESIDENT, '11010519491231002X', today), undefined);
  t.is(idNumberProblem(IdType.RESIDENT, ' 11010519491231002x ', today), undefined);
  t.is(idNumberProblem(IdType.RESIDENT, '110105194912310021', today), 'check_digit');
  t.is(idNumberProblem(IdType.RESIDENT, '11010519491331002X', today), 'birth_date');
  t.is(idNumberProblem(IdType.RESIDENT, '1101', today), 'length');
  t.is(idNumberProblem(IdType.PASSPORT, 'E12345678', today), undefined);
  t.is(idNumberProblem(IdType.PASSPORT, 'E 1', today), 'document');
});

test('[web] names of documents, in any script', (t) => {
  for (const name of ['王归途', '买买提·吐尔逊', 'Anna-Lena O’Neil'.replace('’', "'")]) t.true(isName(name), name);
  for (const name of ['王', 'R2D2', ' ', '<b>x</b>']) t.false(isName(name), name);
});

test('[web] after signing in one stays on this site', (t) => {
  const next = (wish: string): string => nextPath(new URLSearchParams({ next: wish }));
  t.is(next('/orders/7?x=1'), '/orders/7?x=1');
  for (const evil of ['//evil.example', '/\\evil.example', 'https://evil.example', 'javascript:alert(1)']) t.is(next(evil), '/', evil);
});

test('[web] the cashier is an address of the web or none', (t) => {
  t.is(cashierUrl('https://pay.example/c?id=1', 'http://here/'), 'https://pay.example/c?id=1');
  t.is(cashierUrl('/c', 'http://here/'), 'http://here/c');
  for (const evil of ['javascript:alert(1)', 'data:text/html,x', '']) t.is(cashierUrl(evil, 'http://here/'), undefined, evil);
});

test('[web] a journey survives its address', (t) => {
  const wish = { from: { name: '北京' }, to: { station_id: 'SHQ', name: '上海虹桥' }, date: '2026-01-28', only_high_speed: true, student: false };
  t.deepEqual(wishFromSearch(new URLSearchParams(wishToSearch(wish))), wish);
  t.is(wishFromSearch(new URLSearchParams('from=~北京&to=~上海&date=2026-02-30')), undefined);
  t.is(wishFromSearch(new URLSearchParams('from=~&to=~上海&date=2026-01-28')), undefined);
  const typed = { ...wish, from: { name: 'fuzhou', typed: true as const }, transfers: true };
  t.deepEqual(wishFromSearch(new URLSearchParams(wishToSearch(typed))), typed);
  t.deepEqual(fromCandidates('station:BJP:北京南,city:北京,nonsense,station:X,city:'), [{ station_id: 'BJP', name: '北京南' }, { name: '北京' }]);
});
