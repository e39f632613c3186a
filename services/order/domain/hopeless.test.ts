import test from 'ava';
import fc from 'fast-check';
import { demandFrom, demandOf, demandText, type Demand } from './demand.ts';
import { hopelessMarks, isHopeless, type Ahead, type Room } from './hopeless.ts';
import { sampleEntry } from './samples.ts';

const wants = (classes: string, from_index: number, to_index: number, count = 1, more: Partial<Demand> = {}): Demand => ({ from_index, to_index, groups: [{ classes, count }], picky: false, parts: false, ...more });
const queue = (...demands: Demand[]): Ahead[] => demands.map((demand, index) => ({ score: index + 1, demand }));
/** A run of three segments with so many seats free from end to end. */
const free = (places: Record<string, number>): Room => ({ free: Object.entries(places).flatMap(([classes, count]) => STRETCHES.map((stretch) => ({ ...stretch, classes, places: count }))), unpaid: [], in_flight: [] });
/** Whether each who waits is told that it is hopeless. */
const told = (room: Room, waiting: readonly Ahead[]): boolean[] => {
  const marks = hopelessMarks(room, waiting);
  return waiting.map(({ score, demand }) => isHopeless(marks, score, demand));
};
const STRETCHES = [[0, 1], [1, 2], [2, 3], [0, 2], [1, 3], [0, 3]].map(([from_index, to_index]) => ({ from_index: from_index!, to_index: to_index! }));

test('who comes after the last place is told, and nobody before', (t) => {
  t.deepEqual(told(free({ 3: 2 }), queue(wants('3', 0, 3), wants('3', 0, 3), wants('3', 0, 3), wants('3', 1, 2))), [false, false, true, true]);
});

test('business sold out says nothing about second class', (t) => {
  t.deepEqual(told(free({ 1: 0, 3: 5 }), queue(wants('1', 0, 3), wants('3', 0, 3), wants('13', 0, 3))), [true, false, false]);
});

test('a segment nobody ahead travels on keeps its places', (t) => {
  const room = free({ 3: 1 });
  t.deepEqual(told(room, queue(wants('3', 0, 2), wants('3', 1, 3), wants('3', 2, 3), wants('3', 0, 1))), [false, true, false, true]);
});

test('who is refused themselves stands in nobody’s way', (t) => {
  const room: Room = { ...free({ 3: 1 }), free: STRETCHES.map((stretch) => ({ ...stretch, classes: '3', places: stretch.from_index === 0 ? 0 : 1 })) };
  t.deepEqual(told(room, queue(wants('3', 0, 3), wants('3', 0, 2), wants('3', 1, 3), wants('3', 2, 3))), [true, true, false, true], 'the third surely gets the place that the fourth would need');
});

test('unpaid places and those of entries in flight keep hope', (t) => {
  const waiting = queue(wants('3', 0, 3), wants('3', 0, 3), wants('3', 0, 3));
  t.deepEqual(told(free({ 3: 1 }), waiting), [false, true, true]);
  t.deepEqual(told({ ...free({ 3: 1 }), unpaid: [{ classes: '3', from_index: 0, to_index: 3 }] }, waiting), [false, false, true]);
  t.deepEqual(told({ ...free({ 3: 1 }), in_flight: [wants('3', 0, 3, 2)] }, waiting), [false, false, false]);
});

test('who accepts several classes counts for all of them together', (t) => {
  const both = wants('23', 0, 3);
  t.deepEqual(told(free({ 2: 1, 3: 1 }), queue(both, both, wants('3', 0, 3), wants('2', 0, 3), both)), [false, false, false, false, true]);
  t.deepEqual(told(free({ 2: 0, 3: 1 }), queue(both, both, wants('3', 0, 3))), [false, true, true], 'and for the one that is left of them');
});

test('each class may be sold out on another segment', (t) => {
  const room: Room = { ...free({}), free: STRETCHES.flatMap((stretch) => [{ ...stretch, classes: '2', places: stretch.from_index === 0 ? 0 : 9 }, { ...stretch, classes: '3', places: stretch.to_index === 3 ? 0 : 9 }]) };
  t.deepEqual(told(room, queue(wants('23', 0, 3), wants('23', 0, 2), wants('23', 1, 3))), [true, false, false]);
});

test('a group needs places for all; what it may not get it does not take', (t) => {
  t.deepEqual(told(free({ 3: 3 }), queue(wants('3', 0, 3, 2), wants('3', 0, 3, 2), wants('3', 0, 3), wants('3', 0, 3))), [false, true, false, true]);
});

test('the text of a demand says all of it, and a text of others nothing', (t) => {
  const { body } = sampleEntry();
  const [one, two] = body.passengers;
  const all = demandOf({ ...body, accept_same_train_change: true, passengers: [{ ...one!, seat_classes: ['SECOND', 'BUSINESS'] }, two!, { ...two!, seat_classes: ['BUSINESS', 'SECOND'], seat: { coach_no: '1', seat_no: '1A', seat_class: 'SECOND' } }] })!;
  t.is(demandText(all), '0-3:13x2,3x1!~');
  t.deepEqual(demandFrom(demandText(all)), all);
  t.is(demandOf({ ...body, seat_lock_id: 'lock' }), undefined);
  for (const text of ['', '0-3', '0-3:', '0-3:9y1', 'q']) t.is(demandFrom(text), undefined);
});

test('whoever is told it is hopeless gets nothing, whatever those ahead choose and whatever comes back', (t) => {
  let hopeless = 0;
  fc.assert(fc.property(world, choices, (run, random) => {
    const room = roomOf(run);
    const waiting = queue(...run.waiting);
    const marks = hopelessMarks(room, waiting);
    const seats = run.seats.map((seat) => ({ ...seat, mask: seat.back && random(2) === 1 ? seat.mask & seat.back_mask : seat.mask }));
    for (const demand of run.in_flight) serve(seats, demand, random);
    for (const { score, demand } of waiting) {
      const served = serve(seats, demand, random);
      if (!isHopeless(marks, score, demand)) continue;
      hopeless += 1;
      if (served) return false;
    }
    return true;
  }), { numRuns: 3000 });
  t.true(hopeless > 1000, `${hopeless} were told`);
});

/** Bits: the segments on which the seat is taken. Unpaid: those in `mask` and not in `back_mask`, one stretch. */
type SeatFacts = { classes: string; mask: number; back_mask: number; back: boolean };

const stretch = fc.constantFrom(...STRETCHES);
const demand: fc.Arbitrary<Demand> = fc.record({ stretch, groups: fc.uniqueArray(fc.record({ classes: fc.constantFrom('2', '3', '3', '23'), count: fc.integer({ min: 1, max: 3 }) }), { minLength: 1, maxLength: 2, selector: ({ classes }) => classes }), picky: fc.boolean(), parts: fc.boolean(), plain: fc.boolean() })
  .map(({ stretch: { from_index, to_index }, groups, picky, parts, plain }) => (plain ? { from_index, to_index, groups: [{ ...groups[0]!, count: 1 }], picky: false, parts: false } : { from_index, to_index, groups, picky, parts }));
const seat: fc.Arbitrary<SeatFacts> = fc.record({ classes: fc.constantFrom('2', '3'), paid: fc.integer({ min: 0, max: 7 }), stretch, back: fc.boolean() }).map(({ classes, paid, stretch: unpaid, back }) => {
  const unpaid_mask = maskOf(unpaid);
  const possible = back && (paid & unpaid_mask) === 0;
  return { classes, back: possible, back_mask: paid, mask: possible ? paid | unpaid_mask : paid };
});
const world = fc.record({ seats: fc.array(seat, { maxLength: 6 }), in_flight: fc.array(demand, { maxLength: 2 }), waiting: fc.array(demand, { maxLength: 12 }) });
const choices = fc.infiniteStream(fc.nat(1 << 20)).map((stream) => (below: number): number => (stream.next().value as number) % below);

function roomOf({ seats, in_flight }: { seats: readonly SeatFacts[]; in_flight: readonly Demand[] }): Room {
  const places = ['2', '3'].flatMap((classes) => STRETCHES.map((one) => ({ ...one, classes, places: seats.filter((facts) => facts.classes === classes && (facts.mask & maskOf(one)) === 0).length })));
  const unpaid = seats.filter(({ back }) => back).map(({ classes, mask, back_mask }) => ({ classes, ...STRETCHES.find((one) => maskOf(one) === (mask & ~back_mask))! }));
  return { free: places, unpaid, in_flight };
}

/** All or nothing, on any seats that do; who wants certain seats may fail all the same. */
function serve(seats: SeatFacts[], { from_index, to_index, groups, picky, parts }: Demand, random: (below: number) => number): boolean {
  if (picky && random(2) === 1) return false;
  const segments = Array.from({ length: to_index - from_index }, (_, index) => ({ from_index: from_index + index, to_index: from_index + index + 1 }));
  const wish = groups.flatMap(({ classes, count }) => Array.from({ length: count }, () => classes)).flatMap((classes) => (parts ? segments : [{ from_index, to_index }]).map((one) => ({ classes, mask: maskOf(one) })));
  const place = (at: number): boolean => {
    const next = wish[at];
    if (next === undefined) return true;
    const fitting = seats.filter((facts) => next.classes.includes(facts.classes) && (facts.mask & next.mask) === 0);
    const first = random(Math.max(1, fitting.length));
    for (const facts of [...fitting.slice(first), ...fitting.slice(0, first)]) {
      facts.mask |= next.mask;
      if (place(at + 1)) return true;
      facts.mask &= ~next.mask;
    }
    return false;
  };
  return place(0);
}

function maskOf({ from_index, to_index }: { from_index: number; to_index: number }): number {
  return ((1 << (to_index - from_index)) - 1) << from_index;
}
