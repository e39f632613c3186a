import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import test from 'ava';
import { fromBase64Url } from '#kit/base/bytes.ts';
import { isSignedBy, readToken, signToken, TOKEN_MAX, type SigningKey, type TokenFacts } from './token.ts';
import { verifyOffline, type OfflineKey } from './verify_offline.ts';

function keyPair(kid: string, not_after_ms?: number): { signing: SigningKey; offline: OfflineKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const public_key = fromBase64Url(publicKey.export({ format: 'jwk' }).x!)!;
  return { signing: { kid, private_key: privateKey }, offline: { key_id: kid, public_key, not_before_ms: 0, not_after_ms } };
}

const [first, second] = [keyPair('k0001', 2_000_000_000_000), keyPair('k0002')];
const facts: fc.Arbitrary<TokenFacts> = fc.record({
  ticket_id: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  version: fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
  not_after_ms: fc.integer({ min: 1_800_000_000, max: 4_000_000_000 }).map((seconds) => seconds * 1000),
  run_id: fc.stringMatching(/^[A-Za-z0-9_-]{1,32}\.20\d{6}$/),
});
const NOW_MS = 1_790_000_000_000;

test('what was signed is read again, is short, and is proven by its key only', (t) => {
  fc.assert(
    fc.property(facts, (wanted) => {
      const token = signToken(wanted, first.signing);
      const read = readToken(token)!;
      const same = read.ticket_id === wanted.ticket_id && read.version === wanted.version && read.not_after_ms === wanted.not_after_ms && read.run_id === wanted.run_id;
      const valid = verifyOffline(token, [first.offline, second.offline], NOW_MS).valid;
      const foreign = verifyOffline(token, [{ ...second.offline, key_id: 'k0001' }], NOW_MS);
      return same && valid && token.length <= TOKEN_MAX && !foreign.valid && foreign.reason === 'SIGNATURE_INVALID';
    }),
    { numRuns: 50 },
  );
  t.pass();
});

test('no changed character survives', (t) => {
  fc.assert(
    fc.property(facts, fc.nat(), fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.', '='), (wanted, place, letter) => {
      const token = signToken(wanted, first.signing);
      const at = place % token.length;
      const changed = token.slice(0, at) + letter + token.slice(at + 1);
      return changed === token || !verifyOffline(changed, [first.offline, second.offline], NOW_MS).valid;
    }),
    { numRuns: 300 },
  );
  const token = signToken({ ticket_id: 1n, version: 1n, not_after_ms: 4e12, run_id: 'G1.20260115' }, first.signing);
  for (const other of ['', 'v1', `${token}=`, `${token}.`, ` ${token}`, token.replace('v1.', 'v2.'), token.slice(0, -1), `${token}${'A'.repeat(200)}`]) {
    t.false(verifyOffline(other, [first.offline], NOW_MS).valid, other);
  }
});

test('a rotation: the old key verifies until its end, an unknown one never', (t) => {
  const wanted = { ticket_id: 7n, version: 3n, not_after_ms: 3_000_000_000_000, run_id: 'G1.20260115' };
  const [old, fresh] = [signToken(wanted, first.signing), signToken(wanted, second.signing)];
  const both = [first.offline, second.offline];
  t.true(verifyOffline(old, both, NOW_MS).valid && verifyOffline(fresh, both, NOW_MS).valid);
  t.deepEqual(verifyOffline(old, both, 2_000_000_000_001), { valid: false, reason: 'KEY_EXPIRED' });
  t.true(verifyOffline(fresh, both, 2_000_000_000_001).valid);
  t.deepEqual(verifyOffline(fresh, [first.offline], NOW_MS), { valid: false, reason: 'KEY_UNKNOWN' });
  t.false(isSignedBy(readToken(old)!, second.signing.private_key));
});

test('a ticket ends with its time and with its revocation, and only the set of its run speaks of it', (t) => {
  const wanted = { ticket_id: 7n, version: 3n, not_after_ms: 1_800_000_000_000, run_id: 'G1.20260115' };
  const token = signToken(wanted, first.signing);
  const set = (run_id: string, version: bigint) => ({ run_id, as_of_ms: NOW_MS, revoked: [{ ticket_id: '7', version }] });
  const judge = (now_ms: number, revocations?: ReturnType<typeof set>) => verifyOffline(token, [first.offline], now_ms, revocations);
  t.true(judge(1_800_000_000_000).valid);
  t.deepEqual(judge(1_800_000_000_001), { valid: false, reason: 'EXPIRED' });
  t.deepEqual(judge(NOW_MS, set('G1.20260115', 3n)), { valid: false, reason: 'REVOKED' });
  t.like(judge(NOW_MS, set('G1.20260115', 2n)), { valid: true, current_as_of_ms: NOW_MS });
  t.like(judge(NOW_MS, set('G2.20260115', 3n)), { valid: true, current_as_of_ms: undefined });
});
