/** Randomness as a dependency: the system's is unpredictable, the seeded one repeatable. */
export type Random = {
  /** `length` random bytes in fresh memory. */
  bytes(length: number): Uint8Array;
  /** A number in [0, 1). Not for secrets. */
  unit(): number;
};

/** Asked of the system in blocks, since a question costs more than the bytes of an id; a byte is given out once only. */
const BLOCK_BYTES = 4_096;
let block = new Uint8Array(0);
let used = 0;

export const systemRandom: Random = {
  bytes(length) {
    if (length > BLOCK_BYTES) throw new RangeError(`at most ${BLOCK_BYTES} random bytes at once`);
    if (used + length > block.length) {
      block = crypto.getRandomValues(new Uint8Array(BLOCK_BYTES));
      used = 0;
    }
    const bytes = block.slice(used, used + length);
    // Tokens are made of them, so no copy stays behind.
    block.fill(0, used, (used += length));
    return bytes;
  },
  unit: () => Math.random(),
};

/** Repeats the same sequence for the same seed (mulberry32): for tests, simulation and generated data, never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next() & 0xff),
    unit: () => next() / 0x1_0000_0000,
  };
}

/** An integer in [min, max], both included. */
export function integerBetween(random: Random, min: number, max: number): number {
  return min + Math.floor(random.unit() * (max - min + 1));
}

/** `value` moved by up to ±`share` of itself, so that many processes do not act in the same instant. */
export function jittered(value: number, share: number, random: Random): number {
  return value * (1 + share * (2 * random.unit() - 1));
}
