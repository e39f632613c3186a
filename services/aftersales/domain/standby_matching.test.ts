import test from 'ava';
import fc from 'fast-check';
import { kindFromText, kindText, mayFit, mostServed, nextToServe, type FreePlaces, type Head, type StandbyKind } from './standby_matching.ts';

const SEGMENTS = 4;
const CLASSES = ['SECOND', 'FIRST'] as const;

type Wish = { run: number; kind: StandbyKind };
type Request = { id: number; rank: number; wishes: Wish[] };
type Release = { run: number; seat_class: string; seat: number; from: number; to: number };

/** Seats of the runs by bits: a bit that is set is free on that segment. Everything begins taken. Which of the free ones is taken is `taste`. */
class Seats {
  readonly #free = new Map<string, number[]>();
  readonly #taste: number;

  constructor(taste = 0) {
    this.#taste = taste;
  }

  of(run: number, seat_class: string): number[] {
    const key = `${run}/${seat_class}`;
    const seats = this.#free.get(key) ?? [0, 0, 0];
    this.#free.set(key, seats);
    return seats;
  }

  free(run: number): FreePlaces {
    return (seat_class, from, to) => this.of(run, seat_class).filter((bits) => (bits & maskOf(from, to)) === maskOf(from, to)).length;
  }

  release({ run, seat_class, seat, from, to }: Release): void {
    this.of(run, seat_class)[seat]! |= maskOf(from, to);
  }

  /** Takes seats for all of the group or for none: through seats first, then with a change where that is accepted. */
  take(run: number, { classes, from, to, size, changes }: StandbyKind): boolean {
    const before = classes.map((seat_class) => [...this.of(run, seat_class)]);
    for (let passenger = 0; passenger < size; passenger += 1) {
      if (classes.some((seat_class) => this.#takeOne(run, seat_class, from, to))) continue;
      if (changes && classes.some((seat_class) => this.#takeParts(run, seat_class, from, to))) continue;
      classes.forEach((seat_class, index) => this.of(run, seat_class).splice(0, 3, ...before[index]!));
      return false;
    }
    return true;
  }

  #takeOne(run: number, seat_class: string, from: number, to: number): boolean {
    const seats = this.of(run, seat_class);
    const fitting = seats.flatMap((bits, seat) => ((bits & maskOf(from, to)) === maskOf(from, to) ? [seat] : []));
    if (fitting.length === 0) return false;
    seats[fitting[this.#taste % fitting.length]!]! &= ~maskOf(from, to);
    return true;
  }

  /** A seat a segment: the most changes there are, at most three seats. */
  #takeParts(run: number, seat_class: string, from: number, to: number): boolean {
    if (to - from > 3) return false;
    const segments = Array.from({ length: to - from }, (_, index) => from + index);
    if (!segments.every((segment) => this.free(run)(seat_class, segment, segment + 1) > 0)) return false;
    return segments.every((segment) => this.#takeOne(run, seat_class, segment, segment + 1));
  }
}

function maskOf(from: number, to: number): number {
  return (1 << to) - (1 << from);
}

type Served = { id: number; run: number; kind: string };

/** Everybody who waits, one after the other, in the order of rank: what the matching has to come to. */
function reference(waiting: readonly Request[], seats: Seats, run: number): Served[] {
  const served: Served[] = [];
  for (const { id, wishes } of waiting.toSorted((left, right) => left.rank - right.rank)) {
    const wish = wishes.find((one) => one.run === run && seats.take(run, one.kind));
    if (wish !== undefined) served.push({ id, run, kind: kindText(wish.kind) });
  }
  return served;
}

/** As the matcher does it: only the first of each kind are looked at, and several are served in one step. `doubted`: who got nothing though it was not the first of its step. */
function inSteps(waiting: readonly Request[], seats: Seats, run: number): { served: Served[]; steps: number; doubted: number } {
  const left = new Map(waiting.map((request) => [request.rank, request]));
  const tried = new Set<string>();
  const served: Served[] = [];
  for (let [steps, doubted] = [0, 0]; ; steps += 1) {
    const next = nextToServe(frontOf([...left.values()], run, seats), seats.free(run), tried);
    if (next.length === 0) return { served, steps, doubted };
    for (const [index, { kind, rank }] of next.entries()) {
      // Who comes behind one that gets nothing is not tried.
      if (!seats.take(run, kindFromText(kind))) {
        tried.add(kind);
        doubted += index > 0 ? 1 : 0;
        break;
      }
      served.push({ id: left.get(rank)!.id, run, kind });
      left.delete(rank);
    }
  }
}

/** Of each kind as many as there are seats for at most. */
function frontOf(waiting: readonly Request[], run: number, seats: Seats): Head[] {
  const all = waiting.flatMap(({ rank, wishes }) => wishes.flatMap((wish, wish_no): Head[] => (wish.run === run ? [{ kind: kindText(wish.kind), rank, wish_no }] : [])));
  return [...Map.groupBy(all, ({ kind }) => kind)].flatMap(([kind, list]) => list.toSorted((one, other) => one.rank - other.rank).slice(0, mostServed(kindFromText(kind), seats.free(run))));
}

const kinds = fc
  .record({
    classes: fc.constantFrom<readonly string[]>(['SECOND'], ['FIRST'], ['SECOND', 'FIRST']),
    ends: fc.constantFrom([0, 1], [1, 2], [0, 2], [1, 3], [2, 4], [0, 4], [1, 4]),
    size: fc.integer({ min: 1, max: 3 }),
    changes: fc.boolean(),
  })
  .map(({ classes, ends, size, changes }): StandbyKind => ({ classes, from: ends[0]!, to: ends[1]!, size, changes }));
const wishes = fc.uniqueArray(fc.record({ run: fc.integer({ min: 0, max: 1 }), kind: kinds }), { minLength: 1, maxLength: 3, selector: ({ run, kind }) => `${run} ${kindText(kind)}` });
const requests = fc.uniqueArray(fc.record({ rank: fc.integer({ min: 0, max: 1000 }), wishes }), { maxLength: 12, selector: ({ rank }) => rank }).map((list) => list.map((one, id): Request => ({ id, ...one })));
const releases = fc.array(
  fc.record({ run: fc.integer({ min: 0, max: 1 }), seat_class: fc.constantFrom(...CLASSES), seat: fc.integer({ min: 0, max: 2 }), ends: fc.constantFrom([0, 1], [1, 4], [0, 4], [2, 3], [0, 2]) }).map(({ ends, ...one }): Release => ({ ...one, from: ends[0]!, to: ends[1]! })),
  { maxLength: 15 },
);

test('some of each kind are all that has to be looked at, and several are served in one step: everybody gets what trying one after the other gives', (t) => {
  let [served_all, steps_all] = [0, 0];
  fc.assert(
    fc.property(requests, fc.array(releases, { maxLength: 4 }), fc.nat(2), (all, given, taste) => {
      const [one, other] = [new Seats(taste), new Seats(taste)];
      let [waiting, also_waiting] = [all, all];
      // What was given back since the last look is matched together.
      for (const [run, releases_of_run] of given.flatMap((batch) => [...Map.groupBy(batch, (release) => release.run)])) {
        for (const release of releases_of_run) for (const seats of [one, other]) seats.release(release);
        const expected = reference(waiting, one, run);
        const { served, steps, doubted } = inSteps(also_waiting, other, run);
        t.deepEqual(served, expected);
        t.is(doubted, 0, 'who is served in one step with others has its seats whatever they take');
        [served_all, steps_all] = [served_all + served.length, steps_all + steps];
        waiting = waiting.filter(({ id }) => !expected.some((done) => done.id === id));
        also_waiting = also_waiting.filter(({ id }) => !served.some((done) => done.id === id));
      }
    }),
    { numRuns: 20_000 },
  );
  t.true(served_all > steps_all, `${served_all} served in ${steps_all} steps`);
});

const look = (waiting: readonly Request[], run: number, seats: Seats, tried: ReadonlySet<string>) => nextToServe(frontOf(waiting, run, seats), seats.free(run), tried);

test('nobody is served with seats that somebody before could have used', (t) => {
  fc.assert(
    fc.property(requests, releases, (all, given) => {
      const seats = new Seats();
      let waiting = all;
      for (const release of given) {
        seats.release(release);
        const tried = new Set<string>();
        for (let [next] = look(waiting, release.run, seats, tried); next !== undefined; [next] = look(waiting, release.run, seats, tried)) {
          const { rank } = next;
          // Through seats are certain: nobody with a lower rank may have one and be passed over.
          const passed = waiting.filter((request) => request.rank < rank && request.wishes.some((wish) => wish.run === release.run && mayFit({ ...wish.kind, changes: false }, seats.free(release.run))));
          t.deepEqual(passed, []);
          if (seats.take(release.run, kindFromText(next.kind))) waiting = waiting.filter((request) => request.rank !== rank);
          else tried.add(next.kind);
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('a group waits until all of it fits, and a smaller one behind it may take what it can not use', (t) => {
  const kind = (size: number): string => kindText({ classes: ['SECOND'], from: 0, to: SEGMENTS, size, changes: false });
  const heads = [{ kind: kind(3), rank: 1, wish_no: 0 }, { kind: kind(1), rank: 2, wish_no: 0 }];
  t.deepEqual(nextToServe(heads, () => 2).map(({ rank }) => rank), [2]);
  t.deepEqual(nextToServe(heads, () => 3).map(({ rank }) => rank), [1]);
  t.deepEqual(nextToServe(heads, () => 4).map(({ rank }) => rank), [1, 2]);
  t.deepEqual(nextToServe(heads, () => 0), []);
});

test('a step ends with who may have to change seats, and before who depends on the seats that others get', (t) => {
  const kind = (from: number, to: number, changes = false): string => kindText({ classes: ['SECOND'], from, to, size: 1, changes });
  const waiting = (...kinds: string[]): Head[] => kinds.map((text, rank) => ({ kind: text, rank, wish_no: 0 }));
  const served = (heads: Head[], free: FreePlaces) => nextToServe(heads, free).map(({ rank }) => rank);
  // One seat from 0 to 2 and one from 2 to 4.
  const halves: FreePlaces = (_class, from, to) => ((to <= 2 || from >= 2) ? 1 : 0);
  t.deepEqual(served(waiting(kind(0, 2), kind(0, 1), kind(2, 4)), halves), [0, 2], 'the second is surely left with nothing');
  t.deepEqual(served(waiting(kind(0, 1), kind(0, 2), kind(2, 4)), halves), [0], 'the second depends on the seat of the first');
  t.deepEqual(served(waiting(kind(0, 4, true), kind(2, 4)), halves), [0]);
});

test('a step ends with who has another wish that might fit: in the place of that wish somebody may stand who was not looked at', (t) => {
  const kind = (seat_class: string): string => kindText({ classes: [seat_class], from: 0, to: 2, size: 1, changes: false });
  // One seat a class. The second of those who wait wants FIRST, too, and is behind the first one there.
  const waiting = [{ kind: kind('SECOND'), rank: 1, wish_no: 0 }, { kind: kind('FIRST'), rank: 1, wish_no: 1 }, { kind: kind('BUSINESS'), rank: 2, wish_no: 1 }];
  t.deepEqual(nextToServe(waiting, () => 1).map(({ rank }) => rank), [1]);
  t.deepEqual(nextToServe(waiting, (seat_class) => (seat_class === 'FIRST' ? 0 : 1)).map(({ rank }) => rank), [1, 2], 'a wish that does not fit keeps nobody out');
});

test('of two wishes of one request that fit, the better one is taken', (t) => {
  const kind = (seat_class: string): string => kindText({ classes: [seat_class], from: 0, to: 2, size: 1, changes: false });
  t.deepEqual(nextToServe([{ kind: kind('FIRST'), rank: 7, wish_no: 1 }, { kind: kind('SECOND'), rank: 7, wish_no: 0 }], () => 1).map((one) => one.kind), [kind('SECOND')]);
});

test('a kind comes back from its text as it was', (t) => {
  fc.assert(fc.property(kinds, (kind) => {
    t.deepEqual(kindFromText(kindText(kind)), kind);
  }));
});
