import test from 'ava';
import * as fc from 'fast-check';
import { ManualClock } from './clock.ts';
import { seededRandom } from './random.ts';
import { formatUuid7, isUuid7, uuid7, uuid7Time_ms } from './uuid7.ts';

test('the example of RFC 9562 appendix A.6', (t) => {
  const seed = Uint8Array.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
  t.is(formatUuid7(0x017f22e279b0, seed), '017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
});

test('an id is valid and carries its time', (t) => {
  fc.assert(fc.property(fc.nat({ max: 2 ** 48 - 1 }), fc.integer(), (time_ms, seed) => {
    const id = uuid7(new ManualClock(time_ms), seededRandom(seed));
    return isUuid7(id) && uuid7Time_ms(id) === time_ms;
  }));
  t.pass();
});

test('later ids sort after earlier ones as text', (t) => {
  const random = seededRandom(1);
  const ids = [0, 1, 255, 256, 65_536, 1_768_000_000_000].map((time_ms) => uuid7(new ManualClock(time_ms), random));
  t.deepEqual(ids.toSorted(), ids);
});

test('other texts are refused', (t) => {
  const good = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
  for (const text of ['', good.toUpperCase(), good.replace('-7cc3', '-4cc3'), good.replace('-98c4', '-c8c4'), `${good}0`, ` ${good}`, good.replaceAll('-', '')]) {
    t.false(isUuid7(text), text);
    t.is(uuid7Time_ms(text), undefined);
  }
});
