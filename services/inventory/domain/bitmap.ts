/**
 * Bitmaps of one class of a run: one row a segment, each row whole 32-bit words, bit i of a row is seat i, set = free.
 * Bits behind the last seat are never set.
 */
export type ClassBits = { seats: number; segments: number; words: number; rows: Uint32Array };

export function wordsFor(seats: number): number {
  return Math.ceil(seats / 32);
}

/** Everything free, or what `occupied` leaves free: a mask of segments for each taken seat. */
export function freeBits(seats: number, segments: number, occupied: ReadonlyMap<number, bigint> = new Map()): ClassBits {
  const words = wordsFor(seats);
  const row = new Uint32Array(words).fill(0xffff_ffff);
  if (seats % 32 !== 0) row[words - 1] = 2 ** (seats % 32) - 1;
  const rows = new Uint32Array(words * segments);
  for (let segment = 0; segment < segments; segment += 1) rows.set(row, segment * words);
  const bits = { seats, segments, words, rows };
  for (const [seat, mask] of occupied) clearSeat(bits, seat, mask);
  return bits;
}

export function isFree(bits: ClassBits, seat: number, segment: number): boolean {
  return ((bits.rows[segment * bits.words + (seat >>> 5)]! >>> (seat & 31)) & 1) === 1;
}

/** Segments on which a seat is taken. */
export function occupiedMask(bits: ClassBits, seat: number): bigint {
  let mask = 0n;
  for (let segment = 0; segment < bits.segments; segment += 1) if (!isFree(bits, seat, segment)) mask |= 1n << BigInt(segment);
  return mask;
}

/** Seats free on every segment of [from, to). */
export function countFree(bits: ClassBits, from: number, to: number): number {
  return countOnes(andRows(bits, from, to));
}

/** Seats free for every pair of stops, as the contract lists them: (0,1), (0,2) … (1,2) … */
export function countPairs(bits: ClassBits): number[] {
  const counts: number[] = [];
  const row = new Uint32Array(bits.words);
  for (let from = 0; from < bits.segments; from += 1) {
    row.set(bits.rows.subarray(from * bits.words, (from + 1) * bits.words));
    counts.push(countOnes(row));
    for (let segment = from + 1; segment < bits.segments; segment += 1) {
      let ones = 0;
      for (let word = 0; word < bits.words; word += 1) ones += popcount((row[word]! &= bits.rows[segment * bits.words + word]!));
      counts.push(ones);
    }
  }
  return counts;
}

/** The same for a counter: what is left on the tightest segment of each pair. */
export function leastOfPairs(free_by_segment: readonly number[]): number[] {
  const counts: number[] = [];
  for (let from = 0; from < free_by_segment.length; from += 1) {
    let least = Infinity;
    for (let segment = from; segment < free_by_segment.length; segment += 1) counts.push((least = Math.min(least, free_by_segment[segment]!)));
  }
  return counts;
}

/** Where the pair (from, to) stands in the list of `countPairs`. */
export function pairIndex(segments: number, from: number, to: number): number {
  return from * segments - (from * (from - 1)) / 2 + (to - from - 1);
}

/** The same with some spans of seats taken throughout. */
export function withoutSeats(bits: ClassBits, spans: readonly { first: number; count: number }[]): ClassBits {
  if (spans.length === 0) return bits;
  const copy = { ...bits, rows: bits.rows.slice() };
  const all = (1n << BigInt(bits.segments)) - 1n;
  for (const { first, count } of spans) for (let seat = first; seat < first + count; seat += 1) clearSeat(copy, seat, all);
  return copy;
}

/** The same with some stretches of seats free. */
export function withPlacesFree(bits: ClassBits, places: readonly { index: number; from: number; to: number }[]): ClassBits {
  if (places.length === 0) return bits;
  const copy = { ...bits, rows: bits.rows.slice() };
  for (const { index, from, to } of places) {
    for (let segment = from; segment < to; segment += 1) copy.rows[segment * copy.words + (index >>> 5)]! |= 1 << (index & 31);
  }
  return copy;
}

function andRows(bits: ClassBits, from: number, to: number): Uint32Array {
  const row = bits.rows.slice(from * bits.words, (from + 1) * bits.words);
  for (let segment = from + 1; segment < to; segment += 1) {
    for (let word = 0; word < bits.words; word += 1) row[word]! &= bits.rows[segment * bits.words + word]!;
  }
  return row;
}

function clearSeat(bits: ClassBits, seat: number, mask: bigint): void {
  for (let segment = 0; segment < bits.segments; segment += 1) {
    if (((mask >> BigInt(segment)) & 1n) === 1n) bits.rows[segment * bits.words + (seat >>> 5)]! &= ~(1 << (seat & 31)) >>> 0;
  }
}

function countOnes(row: Uint32Array): number {
  let ones = 0;
  for (const word of row) ones += popcount(word);
  return ones;
}

/** Hacker's Delight, figure 5-2. */
function popcount(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
