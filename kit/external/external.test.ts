import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { NonceMemory } from './nonces.ts';
import { schemeOf } from './scheme.ts';
import { answerPart, SIGNATURE_SKEW_MS, signPart, verifyPart } from './signature.ts';

const ours = generateKeyPairSync('rsa', { modulusLength: 2048 });
const theirs = generateKeyPairSync('rsa', { modulusLength: 2048 });
const NOW_MS = Date.UTC(2026, 0, 15);
const PART = { method: 'POST', path: '/v1/verifications?x=1', body: Buffer.from('{"a":1}') };
const signed = () => ({ ...signPart(PART, { key: ours.privateKey, now_ms: NOW_MS }) });
const check = (part: typeof PART, headers: Record<string, string>, now_ms = NOW_MS, key = ours.publicKey) => verifyPart(part, headers, { key, now_ms });

test('a signature is good for exactly what was signed', (t) => {
  t.true(check(PART, signed()).ok);
  const changed: Array<typeof PART> = [
    { ...PART, method: 'GET' },
    { ...PART, path: '/v1/verifications?x=2' },
    { ...PART, body: Buffer.from('{"a":2}') },
  ];
  for (const part of changed) t.false(check(part, signed()).ok);
  t.false(check(PART, signed(), NOW_MS, theirs.publicKey).ok);
  t.false(check(PART, { ...signed(), 'x-chunyun-timestamp': String(NOW_MS + 1) }).ok);
  t.false(check(PART, { ...signed(), 'x-chunyun-nonce': 'another-nonce' }).ok);
  t.false(check(PART, {}).ok);
});

/** From the file, as a service has it: the runtime calls such a key's type unknown, and that of a fresh one `ec`. */
function sm2Pair() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'SM2' });
  const key = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return { privateKey: key, publicKey: createPublicKey(createPublicKey(key).export({ type: 'spki', format: 'pem' })) };
}

test('the same interface signs with SM2 where the key is one, and neither scheme takes the other', (t) => {
  const sm2 = sm2Pair();
  const headers = { ...signPart(PART, { key: sm2.privateKey, now_ms: NOW_MS }) };
  t.true(check(PART, headers, NOW_MS, sm2.publicKey).ok);
  t.false(check({ ...PART, body: Buffer.from('{"a":2}') }, headers, NOW_MS, sm2.publicKey).ok);
  t.false(check(PART, headers, NOW_MS, sm2Pair().publicKey).ok);
  t.false(check(PART, headers).ok);
  t.false(check(PART, signed(), NOW_MS, sm2.publicKey).ok);
  t.false(check(PART, { ...headers, 'x-chunyun-signature': 'AAAA' }, NOW_MS, sm2.publicKey).ok);
});

test('SM2 is the one of the standard: the example of GB/T 32918.5', (t) => {
  const point = '09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13';
  const [r, s] = ['F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3', 'B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA'];
  const key = createPublicKey({ key: Buffer.from(`3059301306072a8648ce3d020106082a811ccf5501822d03420004${point}`, 'hex'), format: 'der', type: 'spki' });
  const signature = Buffer.from(`3046022100${r}022100${s}`, 'hex');
  t.is(schemeOf(key).name, 'sm2-sm3');
  t.true(schemeOf(key).verify(Buffer.from('message digest'), key, signature));
  t.false(schemeOf(key).verify(Buffer.from('message digesu'), key, signature));
});

test('weaker keys are no keys', (t) => {
  t.throws(() => schemeOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey));
  t.throws(() => schemeOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey));
});

test('a signature ages', (t) => {
  t.true(check(PART, signed(), NOW_MS + SIGNATURE_SKEW_MS).ok);
  t.false(check(PART, signed(), NOW_MS + SIGNATURE_SKEW_MS + 1).ok);
  t.false(check(PART, signed(), NOW_MS - SIGNATURE_SKEW_MS - 1).ok);
});

test('an answer is bound to its status and to the nonce of its request', (t) => {
  const body = Buffer.from('{}');
  const headers = { ...signPart(answerPart('POST', '/p', 200, body), { key: theirs.privateKey, now_ms: NOW_MS, nonce: 'nonce-of-request' }) };
  const options = { key: theirs.publicKey, now_ms: NOW_MS };
  t.true(verifyPart(answerPart('POST', '/p', 200, body), headers, { ...options, nonce: 'nonce-of-request' }).ok);
  t.false(verifyPart(answerPart('POST', '/p', 404, body), headers, { ...options, nonce: 'nonce-of-request' }).ok);
  t.false(verifyPart(answerPart('POST', '/p', 200, body), headers, { ...options, nonce: 'nonce-of-others!' }).ok);
});

test('a nonce is taken once and forgotten only when its signature has aged', (t) => {
  const memory = new NonceMemory(2);
  t.true(memory.take('first', NOW_MS));
  t.false(memory.take('first', NOW_MS + SIGNATURE_SKEW_MS));
  t.true(memory.take('second', NOW_MS));
  t.false(memory.take('third', NOW_MS), 'a full memory refuses rather than forgets');
  t.true(memory.take('third', NOW_MS + 2 * SIGNATURE_SKEW_MS + 1));
});
