import type { SeatClass } from '../../../timetable/model.ts';

/** Counts of each class of a run, by pair of stops. */
export type ClassCounts = { get(seat_class: SeatClass): readonly number[] | Uint16Array | undefined };

/**
 * All classes of a run in one array of 16 bits a number (no train has more places): a country and fifteen days are one
 * object and one array a run, and the lists of classes are shared.
 */
export class PackedCounts implements ClassCounts {
  readonly #seat_classes: readonly SeatClass[];
  readonly #counts: Uint16Array;

  /** Lists of equal length, one a class. */
  constructor(lists: readonly { seat_class: SeatClass; counts: readonly number[] }[]) {
    const pairs = lists[0]?.counts.length ?? 0;
    if (lists.some(({ counts }) => counts.length !== pairs)) throw new RangeError('classes of a run count the same pairs of stops');
    this.#seat_classes = shared(lists.map(({ seat_class }) => seat_class));
    this.#counts = new Uint16Array(pairs * lists.length);
    lists.forEach(({ counts }, index) => this.#counts.set(counts, index * pairs));
  }

  get(seat_class: SeatClass): Uint16Array | undefined {
    const index = this.#seat_classes.indexOf(seat_class);
    const pairs = this.#counts.length / this.#seat_classes.length;
    return index < 0 ? undefined : this.#counts.subarray(index * pairs, (index + 1) * pairs);
  }
}

const SHARED = new Map<string, readonly SeatClass[]>();

/** There are few combinations of classes, so they are kept for ever. */
function shared(seat_classes: readonly SeatClass[]): readonly SeatClass[] {
  const key = seat_classes.join();
  const known = SHARED.get(key) ?? seat_classes;
  SHARED.set(key, known);
  return known;
}
