import { randomBytes } from 'node:crypto';
import test from 'ava';
import { BLIND_INDEX_BYTES, createBlindIndex } from './blind_index.ts';
import { createKeyring, SealError, sealedBytes } from './column.ts';
import { hmacSign, hmacVerify } from './hmac.ts';
import { sealedTexts } from './sealed_text.ts';

const key = () => randomBytes(32).toString('base64');
const keys = { k1: key(), k2: key() };
const ring = createKeyring({ active: 'k2', keys });

test('what was sealed opens, and never looks the same twice', (t) => {
  const blob = ring.seal('11010519491231002X 张伟', 'passenger.id_number:1');
  t.is(ring.openText(blob, 'passenger.id_number:1'), '11010519491231002X 张伟');
  t.false(blob.includes('11010519491231002X'));
  t.notDeepEqual(ring.seal('same', 'a'), ring.seal('same', 'a'));
  t.deepEqual([...ring.open(ring.seal(new Uint8Array([0, 1, 255]), 'a'), 'a')], [0, 1, 255]);
  t.is(ring.openText(ring.seal('', 'a'), 'a'), '');
  t.is(ring.seal('12345', 'a').length, sealedBytes(5, 'k2'));
});

test('every changed byte, and every other place, is noticed', (t) => {
  const blob = ring.seal('secret', 'passenger.name:1');
  for (let index = 0; index < blob.length; index += 1) {
    const changed = Buffer.from(blob);
    changed[index]! ^= 1;
    t.throws(() => ring.open(changed, 'passenger.name:1'), { instanceOf: SealError }, `byte ${index}`);
  }
  t.throws(() => ring.open(blob, 'passenger.name:2'), { instanceOf: SealError });
  t.throws(() => ring.open(blob.subarray(0, 20), 'passenger.name:1'), { instanceOf: SealError });
  t.throws(() => ring.open(new Uint8Array(), 'passenger.name:1'), { instanceOf: SealError });
});

test('keys are rotated row by row', (t) => {
  const before = createKeyring({ active: 'k1', keys });
  const old = before.seal('secret', 'a');
  t.true(ring.needsRotation(old));
  const renewed = ring.seal(ring.open(old, 'a'), 'a');
  t.false(ring.needsRotation(renewed));
  t.is(before.openText(renewed, 'a'), 'secret', 'both keys are known while it lasts');
  const after = createKeyring({ active: 'k2', keys: { k2: keys.k2 } });
  t.is(after.openText(renewed, 'a'), 'secret');
  t.throws(() => after.open(old, 'a'), { instanceOf: SealError, message: /unknown key/ });
});

test('a bad keyring is refused at the start', (t) => {
  t.throws(() => createKeyring({ active: 'k3', keys }), { message: /no key named k3/ });
  t.throws(() => createKeyring({ active: 'k1', keys: { k1: 'c2hvcnQ=' } }), { message: /32 bytes/ });
});

test('a blind index finds what means the same, and tells nothing across fields or keys', (t) => {
  const index = createBlindIndex('ab'.repeat(32));
  const digest = index.of('id_number', '11010519491231002x');
  t.is(digest.length, BLIND_INDEX_BYTES);
  t.deepEqual(index.of('id_number', ' 110105 19491231 002X '), digest);
  t.deepEqual(index.of('id_number', '１１０１０５19491231002Ｘ'), digest, 'full-width digits');
  t.notDeepEqual(index.of('id_number', '110105194912310020'), digest);
  t.notDeepEqual(index.of('passport', '11010519491231002x'), digest);
  t.notDeepEqual(createBlindIndex('cd'.repeat(32)).of('id_number', '11010519491231002x'), digest);
  t.throws(() => createBlindIndex('ab'), { message: /32 bytes/ });
});

test('a signature covers every part and where one ends', (t) => {
  const secret = randomBytes(32);
  const signature = hmacSign(secret, ['nonce', 'body']);
  t.true(hmacVerify(secret, ['nonce', 'body'], signature));
  t.false(hmacVerify(secret, ['nonceb', 'ody'], signature));
  t.false(hmacVerify(secret, ['nonce', 'bodY'], signature));
  t.false(hmacVerify(randomBytes(32), ['nonce', 'body'], signature));
  t.false(hmacVerify(secret, ['nonce', 'body'], signature.subarray(0, 31)));
});

test('a sealed text comes back as it was; touched, of another purpose, version or key, or too long it is none of ours', (t) => {
  const options = { keys: [new Uint8Array(32).fill(1)], purpose: 'test.token', version: 't1', token_max: 200 };
  const texts = sealedTexts(options);
  const token = texts.seal('春运 {"a":1}');
  t.is(texts.open(token), '春运 {"a":1}');
  t.is(sealedTexts({ ...options, keys: [new Uint8Array(32).fill(2), ...options.keys] }).open(token), '春运 {"a":1}', 'an older key is accepted');
  for (const wrong of [`${token.slice(0, -1)}_`, `${token}.x`, token.replace('t1.', 't2.'), '', 't1', token.replace('.', '.A')]) t.is(texts.open(wrong), undefined, wrong);
  for (const other of [{ purpose: 'test.other' }, { version: 't2' }, { keys: [new Uint8Array(32).fill(2)] }, { token_max: token.length - 1 }]) t.is(sealedTexts({ ...options, ...other }).open(token), undefined);
  t.throws(() => sealedTexts({ ...options, keys: [] }));
});
