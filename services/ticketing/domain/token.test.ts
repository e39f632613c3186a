import { generateKeyPairSync, sign } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import test from 'ava';
import { fromBase64Url } from '#kit/base/bytes.ts';
import { gateKeyOf, holderTag } from './holder.ts';
import { isSignedBy, readToken, signToken, TOKEN_MAX, type Ride, type SigningKey, type TokenFacts } from './token.ts';
import { verifyOffline, type OfflineChecks, type OfflineKey } from './verify_offline.ts';

function keyPair(kid: string, not_after_ms?: number): { signing: SigningKey; offline: OfflineKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const public_key = fromBase64Url(publicKey.export({ format: 'jwk' }).x!)!;
  return { signing: { kid, private_key: privateKey }, offline: { key_id: kid, public_key, not_before_ms: 0, not_after_ms } };
}

const [first, second] = [keyPair('k0001', 2_000_000_000_000), keyPair('k0002')];
/** Up to three seats, each further than the one before. */
const rides: fc.Arbitrary<Ride> = fc
  .tuple(fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 2, maxLength: 4 }), fc.array(fc.constantFrom('05-12A', '07-03下', '', '16-20F'), { minLength: 3, maxLength: 3 }), fc.uint8Array({ minLength: 8, maxLength: 8 }))
  .map(([stops, places, holder_tag]) => {
    const [from_index, ...rest] = stops.toSorted((left, right) => left - right);
    return { from_index: from_index!, seats: rest.map((to_index, index) => ({ to_index, place: places[index]! })), holder_tag };
  });
const facts: fc.Arbitrary<TokenFacts & { ride: Ride }> = fc.record({
  ride: rides,
  ticket_id: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  version: fc.bigInt({ min: 0n, max: 0xffff_ffffn }),
  not_after_ms: fc.integer({ min: 1_800_000_000, max: 4_000_000_000 }).map((seconds) => seconds * 1000),
  run_id: fc.stringMatching(/^[A-Za-z0-9_-]{1,32}\.20\d{6}$/),
});
const NOW_MS = 1_790_000_000_000;
const RIDE: Ride = { from_index: 0, seats: [{ place: '05-12A', to_index: 4 }], holder_tag: new Uint8Array(8) };

test('what was signed is read again, is short, and is proven by its key only', (t) => {
  fc.assert(
    fc.property(facts, (wanted) => {
      const token = signToken(wanted, first.signing);
      const read = readToken(token)!;
      const same = read.ticket_id === wanted.ticket_id && read.version === wanted.version && read.not_after_ms === wanted.not_after_ms && read.run_id === wanted.run_id && isDeepStrictEqual(read.ride, wanted.ride);
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
  const token = signToken({ ticket_id: 1n, version: 1n, not_after_ms: 4e12, run_id: 'G1.20260115', ride: RIDE }, first.signing);
  for (const other of ['', 'v2', `${token}=`, `${token}.`, ` ${token}`, token.replace('v2.', 'v1.'), token.replace('v2.', 'v3.'), token.slice(0, -1), `${token}${'A'.repeat(200)}`]) {
    t.false(verifyOffline(other, [first.offline], NOW_MS).valid, other);
  }
});

test('a rotation: the old key verifies until its end, an unknown one never', (t) => {
  const wanted = { ticket_id: 7n, version: 3n, not_after_ms: 3_000_000_000_000, run_id: 'G1.20260115', ride: RIDE };
  const [old, fresh] = [signToken(wanted, first.signing), signToken(wanted, second.signing)];
  const both = [first.offline, second.offline];
  t.true(verifyOffline(old, both, NOW_MS).valid && verifyOffline(fresh, both, NOW_MS).valid);
  t.deepEqual(verifyOffline(old, both, 2_000_000_000_001), { valid: false, reason: 'KEY_EXPIRED' });
  t.true(verifyOffline(fresh, both, 2_000_000_000_001).valid);
  t.deepEqual(verifyOffline(fresh, [first.offline], NOW_MS), { valid: false, reason: 'KEY_UNKNOWN' });
  t.false(isSignedBy(readToken(old)!, second.signing.private_key));
});

test('a ticket ends with its time and with its revocation, and only the set of its run speaks of it, while it is fresh', (t) => {
  const token = signToken(ticketOf(), first.signing);
  const set = (run_id: string, version: bigint, fresh_until_ms = NOW_MS + 1) => ({ run_id, as_of_ms: NOW_MS, fresh_until_ms, revoked: [{ ticket_id: '7', version }] });
  const judge = (now_ms: number, revocations?: ReturnType<typeof set>) => verifyOffline(token, [first.offline], now_ms, { revocations });
  t.like(judge(1_800_000_000_000), { valid: true, currency: 'UNKNOWN' });
  t.like(judge(1_800_000_000_001), { valid: false, reason: 'EXPIRED' });
  t.like(judge(NOW_MS, set('G1.20260115', 3n)), { valid: false, reason: 'REVOKED' });
  t.like(judge(NOW_MS, set('G1.20260115', 2n)), { valid: true, currency: 'CURRENT', current_as_of_ms: NOW_MS });
  t.like(judge(NOW_MS, set('G2.20260115', 3n)), { valid: true, currency: 'UNKNOWN', current_as_of_ms: undefined });
  t.like(judge(NOW_MS, set('G1.20260115', 2n, NOW_MS - 1)), { valid: true, currency: 'STALE' });
  t.like(judge(NOW_MS, set('G1.20260115', 3n, NOW_MS - 1)), { valid: false, reason: 'REVOKED' }, 'an old set is right about what it names');
});

test('a ticket is for its train and its document, which only the gates of its run can check', (t) => {
  const master = Buffer.alloc(32, 7);
  const [gate_key, other_gate] = [gateKeyOf(master, 'G1.20260115'), gateKeyOf(master, 'G2.20260115')];
  const ride = { ...RIDE, holder_tag: holderTag(gate_key, 7n, '11010519491231002X') };
  const token = signToken(ticketOf({ ride }), first.signing);
  const judge = (checks: OfflineChecks, text = token) => verifyOffline(text, [first.offline], NOW_MS, checks);
  t.like(judge({ run_id: 'G1.20260115', holder: { gate_key, id_number: ' 11010519491231002x' } }), { valid: true, holder: 'MATCHES' });
  t.like(judge({ holder: { gate_key, id_number: '110105194912310021' } }), { valid: false, reason: 'OTHER_HOLDER' });
  t.like(judge({ holder: { gate_key: other_gate, id_number: '11010519491231002X' } }), { valid: false, reason: 'OTHER_HOLDER' });
  t.like(judge({ run_id: 'G2.20260115' }), { valid: false, reason: 'OTHER_RUN' });
  t.like(judge({}), { valid: true, holder: 'NOT_CHECKED' });
  t.notDeepEqual(holderTag(gate_key, 8n, '11010519491231002X'), ride.holder_tag, 'two tickets of one person can not be linked');
});

test('a ticket of version 1 is still proven; whose it is it does not say', (t) => {
  const payload = Buffer.alloc(16 + 11);
  payload.writeBigUInt64BE(7n, 0);
  payload.writeUInt32BE(3, 8);
  payload.writeUInt32BE(1_800_000_000, 12);
  payload.write('G1.20260115', 16, 'ascii');
  const head = `v1.k0001.${payload.toString('base64url')}`;
  const token = `${head}.${sign(null, Buffer.from(head), first.signing.private_key).toString('base64url')}`;
  const verdict = verifyOffline(token, [first.offline], NOW_MS);
  t.deepEqual(verdict.valid && { ...verdict.facts, ride: undefined }, { ticket_id: 7n, version: 3n, not_after_ms: 1_800_000_000_000, run_id: 'G1.20260115', ride: undefined });
  t.like(verifyOffline(token, [first.offline], NOW_MS, { holder: { gate_key: new Uint8Array(32), id_number: 'x' } }), { valid: false, reason: 'HOLDER_UNKNOWN' });
});

test('seats that do not lead from stop to stop are signed by nobody', (t) => {
  const seats = (...to_indexes: number[]) => to_indexes.map((to_index) => ({ place: '01-01A', to_index }));
  for (const wrong of [seats(), seats(0), seats(3, 2), seats(2, 2), seats(1, 2, 3, 4), seats(256)]) t.throws(() => signToken(ticketOf({ ride: { ...RIDE, seats: wrong } }), first.signing));
  t.throws(() => signToken(ticketOf({ ride: { ...RIDE, holder_tag: new Uint8Array(7) } }), first.signing));
});

function ticketOf(more: Partial<TokenFacts> = {}): TokenFacts & { ride: Ride } {
  return { ticket_id: 7n, version: 3n, not_after_ms: 1_800_000_000_000, run_id: 'G1.20260115', ride: RIDE, ...more };
}
