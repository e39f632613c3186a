import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { NonceMemory } from './nonces.ts';
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
