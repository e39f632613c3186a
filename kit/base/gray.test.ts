import test from 'ava';
import fc from 'fast-check';
import { isGray, type GrayRule, type GraySubject } from './gray.ts';

const rule = (more: Partial<GrayRule> = {}): GrayRule => ({ percent: 0, cities: new Set(), channels: new Set(), account_ids: new Set(), ...more });
const key = fc.constantFrom('order.pay_window_ms', 'payment.channels', 'queue.max_entries');
const account_id = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String);
const percent = fc.integer({ min: 0, max: 100 });
const word = fc.constantFrom('web', 'app', 'mini');
const city = fc.constantFrom('北京', '上海', '广州');
const subject: fc.Arbitrary<GraySubject> = fc.record({ account_id, city, channel: word }, { requiredKeys: [] });

test('nobody is in an empty rule, and everybody with an account in a full one', (t) => {
  fc.assert(fc.property(key, subject, (name, who) => {
    t.false(isGray(name, rule(), who));
    t.is(isGray(name, rule({ percent: 100 }), who), who.account_id !== undefined);
  }));
});

test('a larger percent keeps everybody who was in', (t) => {
  fc.assert(fc.property(key, account_id, percent, percent, (name, id, a, b) => {
    const [less, more] = [Math.min(a, b), Math.max(a, b)];
    if (isGray(name, rule({ percent: less }), { account_id: id })) t.true(isGray(name, rule({ percent: more }), { account_id: id }));
    else t.pass();
  }));
});

test('who is named is in whatever the percent, and naming others changes nothing for them', (t) => {
  fc.assert(fc.property(key, percent, account_id, city, word, (name, share, id, town, channel) => {
    t.true(isGray(name, rule({ percent: share, account_ids: new Set([id]) }), { account_id: id }));
    t.true(isGray(name, rule({ percent: share, cities: new Set([town]) }), { city: town }));
    t.true(isGray(name, rule({ percent: share, channels: new Set([channel]) }), { account_id: id, channel }));
    const others = rule({ percent: share, cities: new Set(['拉萨']), channels: new Set(['counter']), account_ids: new Set(['0']) });
    const who = { account_id: id, city: town, channel };
    t.is(isGray(name, others, who), isGray(name, rule({ percent: share }), who));
  }));
});

test('a percent is that share of accounts that look alike, and other ones for each key', (t) => {
  const ids = Array.from({ length: 20_000 }, (_, index) => String((1_000_000n + BigInt(index)) << 22n));
  const chosen = (name: string, share: number) => ids.filter((id) => isGray(name, rule({ percent: share }), { account_id: id }));
  for (const share of [1, 5, 20]) {
    const expected = ids.length * (share / 100);
    // Six standard deviations of a fair draw.
    t.true(Math.abs(chosen('payment.channels', share).length - expected) < 6 * Math.sqrt(expected * (1 - share / 100)), `${share} %`);
  }
  const other = new Set(chosen('order.pay_window_ms', 20));
  const both = chosen('payment.channels', 20).filter((id) => other.has(id)).length;
  t.true(both > 600 && both < 1000, `${both} of 20 000 in both, 800 expected`);
});

test('who is in does not change with a new version of the code', (t) => {
  const ids = Array.from({ length: 60 }, (_, index) => String(1000 + index));
  t.deepEqual(ids.filter((id) => isGray('payment.channels', rule({ percent: 10 }), { account_id: id })), ['1005', '1006', '1008', '1046', '1053', '1055']);
});
