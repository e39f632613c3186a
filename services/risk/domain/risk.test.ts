import test from 'ava';
import { systemRandom } from '#kit/base/random.ts';
import { listedAs, maskSubject } from './block.ts';
import { makeCaptcha, normaliseAnswer } from './captcha.ts';
import { decide } from './decision.ts';

test('a black entry beats a white one, and an expired one counts for nothing', (t) => {
  t.is(listedAs([{ kind: 'WHITE', expire_time_ms: undefined }, { kind: 'BLACK', expire_time_ms: 11 }], 10), 'BLACK');
  t.is(listedAs([{ kind: 'WHITE', expire_time_ms: undefined }, { kind: 'BLACK', expire_time_ms: 10 }], 10), 'WHITE');
  t.is(listedAs([{ kind: 'WHITE', expire_time_ms: 9 }], 10), undefined);
});

test('masking keeps no whole value but an account id', (t) => {
  t.is(maskSubject({ kind: 'ACCOUNT', value: '123' }), '123');
  t.false(maskSubject({ kind: 'IP', value: '203.0.113.7' }).includes('0.113'));
  t.is(maskSubject({ kind: 'DEVICE', value: 'abc' }), '****');
});

test('a captcha is solved by its own answer, however it is typed', (t) => {
  for (let round = 0; round < 50; round++) {
    const captcha = makeCaptcha(systemRandom);
    const [a, b] = captcha.question.match(/\d+/g)!.map(Number) as [number, number];
    t.is(captcha.answer, String(a + b));
  }
  t.is(normaliseAnswer(' １2 '), '12');
});

test('a block denies whatever else speaks for it, and pace alone only asks for a captcha', (t) => {
  t.is(decide({ blocked: true, trusted: true, too_fast: false, captcha_solved: true }).decision, 'DENY');
  t.is(decide({ blocked: false, trusted: true, too_fast: true, captcha_solved: false }).decision, 'ALLOW');
  t.is(decide({ blocked: false, trusted: false, too_fast: true, captcha_solved: false }).decision, 'CHALLENGE');
  t.is(decide({ blocked: false, trusted: false, too_fast: true, captcha_solved: true }).decision, 'ALLOW');
  t.is(decide({ blocked: false, trusted: false, too_fast: false, captcha_solved: false }).decision, 'ALLOW');
});
