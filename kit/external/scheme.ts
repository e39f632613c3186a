// How bytes are signed: RSA for most of the world, SM2 where the other side asks for the national algorithms. The key says which.
import { createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { sm2 } from 'sm-crypto-v2';

/** One way to sign. `sign` wants a private key, `verify` a public one; a signature of another shape is false, never a throw. */
export type Scheme = {
  name: 'rsa-sha256' | 'sm2-sm3';
  sign(text: Uint8Array, key: KeyObject): Buffer;
  verify(text: Uint8Array, key: KeyObject, signature: Uint8Array): boolean;
};

/** RSASSA-PKCS1-v1_5 with SHA-256. */
const RSA: Scheme = {
  name: 'rsa-sha256',
  sign: (text, key) => sign('sha256', text, key),
  verify: (text, key, signature) => verify('sha256', text, key, signature),
};

/**
 * SM2 with SM3 (GB/T 32918.2, interfaces as in GB/T 43578), DER as everybody writes it, and the distinguishing id that
 * GM/T 0009 gives to those who agreed on none. The runtime's own SM2 signs with an empty id and can't be told another,
 * so nobody else would accept what it signs.
 */
const SM2: Scheme = {
  name: 'sm2-sm3',
  sign: (text, key) => Buffer.from(sm2.doSignature(text, privateHex(key), { ...SM2_OPTIONS, publicKey: publicHex(createPublicKey(key)) }), 'hex'),
  verify(text, key, signature) {
    try {
      return sm2.doVerifySignature(text, Buffer.from(signature).toString('hex'), publicHex(key), SM2_OPTIONS);
    } catch {
      return false;
    }
  },
};

const SM2_OPTIONS = { hash: true, der: true, userId: '1234567812345678' };

const known = new WeakMap<KeyObject, Scheme>();

/** The scheme of a key: RSA of at least 2048 bits, or SM2. Throws for every other key: nothing weaker is ever agreed to. */
export function schemeOf(key: KeyObject): Scheme {
  const found = known.get(key) ?? judge(key);
  known.set(key, found);
  return found;
}

function judge(key: KeyObject): Scheme {
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048) return RSA;
  // The runtime has no name for the type of an SM2 key; its encoding names the curve.
  if (key.type !== 'secret' && key.asymmetricKeyType !== 'rsa' && derOf(key).includes(SM2_CURVE_OID)) return SM2;
  throw new Error('the key is neither RSA of at least 2048 bits nor SM2');
}

const SM2_CURVE_OID = Buffer.from('06082a811ccf5501822d', 'hex');
/** Version and begin of the 32 bytes of an ECPrivateKey (RFC 5915). */
const EC_PRIVATE_KEY = Buffer.from('0201010420', 'hex');
const SCALAR_BYTES = 32;
/** An uncompressed point: 04, x, y. It ends a SubjectPublicKeyInfo. */
const POINT_BYTES = 65;

function privateHex(key: KeyObject): string {
  const der = derOf(key);
  const at = der.indexOf(EC_PRIVATE_KEY) + EC_PRIVATE_KEY.length;
  return der.subarray(at, at + SCALAR_BYTES).toString('hex');
}

function publicHex(key: KeyObject): string {
  return derOf(key).subarray(-POINT_BYTES).toString('hex');
}

function derOf(key: KeyObject): Buffer {
  return key.type === 'private' ? key.export({ type: 'pkcs8', format: 'der' }) : key.export({ type: 'spki', format: 'der' });
}
