import test from 'ava';
import * as fc from 'fast-check';
import { copyBytes, equalBytes, fromBase64, fromBase64Url, fromHex, toBase64, toBase64Url, toHex } from './bytes.ts';

test('texts of bytes are those of the platform and come back', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    t.is(toBase64Url(bytes), Buffer.from(bytes).toString('base64url'));
    t.is(toBase64(bytes), Buffer.from(bytes).toString('base64'));
    t.is(toHex(bytes), Buffer.from(bytes).toString('hex'));
    t.true(equalBytes(fromBase64Url(toBase64Url(bytes))!, bytes));
    t.true(equalBytes(fromBase64(toBase64(bytes))!, bytes));
    t.true(equalBytes(fromHex(toHex(bytes))!, bytes));
  }));
});

test('large values and foreign texts', (t) => {
  const large = new Uint8Array(100_000).fill(0xab);
  t.true(equalBytes(fromBase64Url(toBase64Url(large))!, large));
  for (const bad of ['a+b', 'a/b', 'ä', 'abcde', 'a']) t.is(fromBase64Url(bad), undefined, bad);
  for (const bad of ['abc', 'zz', '0x10']) t.is(fromHex(bad), undefined, bad);
});

test('a copy outlives its buffer', (t) => {
  const buffer = Buffer.from('seat');
  const copy = copyBytes(buffer.subarray(0, 2));
  buffer.fill(0);
  t.is(Buffer.from(copy).toString(), 'se');
  t.is(copy.buffer.byteLength, 2);
});
