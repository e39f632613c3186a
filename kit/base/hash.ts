/**
 * Stable hashes: the same on every machine and in every version, because stored things (buckets, genes) depend on them.
 * Never for secrets.
 */

/** FNV-1a, 64 bit, of the UTF-8 bytes of a text (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function fnv1a64(text: string): bigint {
  const { high, low } = fnv1aHalves(text);
  return (BigInt(high) << 32n) | BigInt(low);
}

/** 32 well-mixed bits of a text: FNV-1a folded through the finalizer of MurmurHash3, so that every bit depends on every byte. */
export function stableHash32(text: string): number {
  const { high, low } = fnv1aHalves(text);
  return mix32(high ^ mix32(low));
}

/** A number in [0, count): for fixed partitions such as buckets and genes. Changing `count` moves almost everything. */
export function bucketOf(key: string, count: number): number {
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError('a bucket count is a positive whole number');
  // Multiply and shift instead of a remainder: no bias towards low buckets, and all bits count.
  return Number((BigInt(stableHash32(key)) * BigInt(count)) >> 32n);
}

/**
 * Picks the node of a key by highest random weight (rendezvous hashing, Thaler and Ravishankar 1998): a node that joins
 * or leaves moves only its own 1/n of the keys. The order of `nodes` does not matter; undefined when there are none.
 */
export function rendezvous(key: string, nodes: readonly string[]): string | undefined {
  return rank(key, nodes)[0];
}

/** All nodes in the order of preference of a key: the next one takes over when the first is gone. */
export function rank(key: string, nodes: readonly string[]): string[] {
  const key_hash = stableHash32(key);
  return nodes
    .map((node) => ({ node, weight: mix32(key_hash ^ Math.imul(stableHash32(node), 0x9e3779b1)) }))
    .toSorted((a, b) => b.weight - a.weight || (a.node < b.node ? -1 : 1))
    .map(({ node }) => node);
}

/** The multiplication by the prime 2^40 + 0x1b3 is done on halves of 32 bits, since numbers are exact to 53 bits only. */
function fnv1aHalves(text: string): { high: number; low: number } {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const bytes = bytesOf(text);
  for (let index = 0; index < bytes.length; index += 1) {
    low = (low ^ bytes[index]!) >>> 0;
    const low_product = low * 0x1b3;
    const carry = Math.floor(low_product / 0x1_0000_0000);
    high = (Math.imul(high, 0x1b3) + carry + (low << 8)) >>> 0;
    low = low_product >>> 0;
  }
  return { high, low };
}

/** The 32-bit finalizer of MurmurHash3 (Appleby): a bijection with full avalanche. */
function mix32(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

const UTF8 = new TextEncoder();
/** Most texts are ids: read by code unit they need no encoder, which costs more than hashing them. */
const SHORT = 64;
const short = new Uint8Array(SHORT);

/** The UTF-8 bytes, good until the next call. */
function bytesOf(text: string): Uint8Array {
  if (text.length > SHORT) return UTF8.encode(text);
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return UTF8.encode(text);
    short[index] = unit;
  }
  return short.subarray(0, text.length);
}
