import test from 'ava';
import * as fc from 'fast-check';
import { ageOn, checkDigit, parseIdNumber } from './id_number.ts';

// The examples of GB 11643-1999, appendix A: a woman's and a man's number.
const WOMAN = '11010519491231002X';
const MAN = '440524188001010014';
const TODAY = '2026-01-15';

test('the examples of the standard', (t) => {
  t.deepEqual(parseIdNumber(WOMAN, TODAY), { ok: true, value: { id_number: WOMAN, birth_date: '1949-12-31', sex: 'female', region_code: '110105' } });
  t.is(checkDigit(MAN.slice(0, 17)), MAN.slice(17));
});

test('x, spaces and full-width digits are read as people type them', (t) => {
  for (const typed of ['11010519491231002x', ' 110105 19491231 002X ', '１１０１０５１９４９１２３１００２Ｘ']) {
    const parsed = parseIdNumber(typed, TODAY);
    t.is(parsed.ok && parsed.value.id_number, WOMAN, typed);
  }
});

test('what is wrong is named, without the number', (t) => {
  const wrong = { length: '1101051949123100', region: `01${WOMAN.slice(2)}`, birth_date: '110105194902300021', check_digit: '110105194912310021' };
  for (const [problem, text] of Object.entries(wrong)) {
    const parsed = parseIdNumber(text, TODAY);
    t.false(parsed.ok);
    if (parsed.ok) continue;
    t.is(parsed.error.reason, 'ID_NUMBER_INVALID');
    t.is(parsed.error.metadata?.problem, problem);
    t.false(JSON.stringify(parsed.error).includes(text));
  }
});

test('nobody is born tomorrow', (t) => {
  const first_17 = '11010520260116001';
  const number = first_17 + checkDigit(first_17);
  t.false(parseIdNumber(number, '2026-01-15').ok);
  t.true(parseIdNumber(number, '2026-01-16').ok);
});

test('one wrong digit or two neighbours swapped never pass', (t) => {
  fc.assert(fc.property(fc.nat(16), fc.integer({ min: 1, max: 9 }), (at, by) => {
    const digits = [...WOMAN];
    digits[at] = String((Number(digits[at]) + by) % 10);
    return !parseIdNumber(digits.join(''), TODAY).ok;
  }));
  for (let at = 0; at < 16; at += 1) {
    const digits = [...WOMAN];
    [digits[at], digits[at + 1]] = [digits[at + 1]!, digits[at]!];
    if (digits.join('') !== WOMAN) t.false(parseIdNumber(digits.join(''), TODAY).ok, `swap at ${at}`);
  }
});

test('ages change on the birthday', (t) => {
  t.is(ageOn('2012-01-15', '2026-01-14'), 13);
  t.is(ageOn('2012-01-15', '2026-01-15'), 14);
  t.is(ageOn('2012-02-29', '2026-02-28'), 13);
  t.is(ageOn('2012-02-29', '2026-03-01'), 14);
});
