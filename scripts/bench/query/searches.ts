/** Searches as people ask them: between cities, on days of the sale window. */
import { toBinary, create } from '@bufbuild/protobuf';
import { SearchTrainsRequestSchema } from '#gen/rail/query/v1/query_pb.ts';
import { integerBetween, seededRandom, type Random } from '#kit/base/random.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import type { Timetable } from '../../../timetable/model.ts';

/** The pairs that most trains connect. */
const POPULAR_PAIRS = 50;
const DAYS = 14;
const SEED = 20260124;

/** Requests in bytes. */
export class Searches {
  readonly #pairs: readonly [string, string][];
  readonly #random: Random = seededRandom(SEED);
  readonly #today = serviceDateAt(Date.now());
  readonly #distinct: Uint32Array;
  /** Summed weights of the popular pairs. */
  readonly #popularity: readonly number[];
  #next = 0;

  constructor(timetable: Timetable) {
    this.#pairs = pairsOf(timetable);
    let sum = 0;
    this.#popularity = this.#pairs.slice(0, POPULAR_PAIRS).map((_, rank) => (sum += 1 / (rank + 1)));
    this.#distinct = shuffled(this.#pairs.length * DAYS, this.#random);
  }

  get pairs(): number {
    return this.#pairs.length;
  }

  /** One of the popular pairs on any day, the n-th pair 1/n as often as the first (Zipf): few hundred questions again and again. */
  popular(): Buffer {
    const at = this.#random.unit() * this.#popularity.at(-1)!;
    return this.#request(this.#popularity.findIndex((sum) => at < sum), integerBetween(this.#random, 0, DAYS - 1));
  }

  /** Any pair of cities that a train connects, and a day; none comes twice. Throws when every one was asked. */
  distinct(): Buffer {
    const number = this.#distinct[this.#next];
    if (number === undefined) throw new RangeError('every search was asked');
    this.#next += 1;
    return this.#request(Math.floor(number / DAYS), number % DAYS);
  }

  /** Today's trains leave while the benchmark runs, so days begin with tomorrow. */
  #request(pair: number, day: number): Buffer {
    const [from, to] = this.#pairs[pair]!;
    const place = (value: string) => ({ place: { case: 'cityZh' as const, value } });
    return Buffer.from(toBinary(SearchTrainsRequestSchema, create(SearchTrainsRequestSchema, { from: place(from), to: place(to), date: addDays(this.#today, 1 + day) })));
  }
}

/** Pairs of cities that some train connects, those with most trains first. */
function pairsOf({ trains, stations }: Timetable): [string, string][] {
  const city_of = new Map(stations.map(({ station_id, city_zh }) => [station_id, city_zh]));
  const counts = new Map<string, number>();
  for (const { stops } of trains) {
    const cities = stops.map(({ station_id }) => city_of.get(station_id)!);
    const pairs = new Set(cities.flatMap((from, index) => cities.slice(index + 1).filter((to) => to !== from).map((to) => `${from}\t${to}`)));
    for (const pair of pairs) counts.set(pair, (counts.get(pair) ?? 0) + 1);
  }
  return [...counts].toSorted(([a, left], [b, right]) => right - left || (a < b ? -1 : 1)).map(([pair]) => pair.split('\t') as [string, string]);
}

/** Fisher and Yates. */
function shuffled(count: number, random: Random): Uint32Array {
  const numbers = Uint32Array.from({ length: count }, (_, number) => number);
  for (let index = count - 1; index > 0; index -= 1) {
    const other = integerBetween(random, 0, index);
    [numbers[index], numbers[other]] = [numbers[other]!, numbers[index]!];
  }
  return numbers;
}
