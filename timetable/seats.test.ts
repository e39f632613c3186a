import test from 'ava';
import * as fc from 'fast-check';
import { SEAT_CLASSES, TRAIN_TYPES } from './model.ts';
import { consistById, consistFor, seatClassesOf, type ConsistId } from './rules/coaches.ts';
import { capacityOf, coach, coachProblem, layoutOf, seatsOfClass, seatsOfCoach } from './seats.ts';

const CONSIST_IDS: ConsistId[] = ['G8', 'G16', 'D8', 'D16', 'D16S', 'C8', 'Z18', 'T17', 'K17', 'P12'];

test('a second-class row is A B C D F with windows at the ends and the aisle between C and D', (t) => {
  const seats = seatsOfCoach(coach(5, 'second', 90));
  t.is(seats.length, 90);
  t.is(seats[0]!.seat_no, '05车01A');
  t.is(seats[89]!.seat_no, '05车18F');
  t.deepEqual(seats.slice(0, 5).map((s) => s.letter), ['A', 'B', 'C', 'D', 'F']);
  t.deepEqual(seats.slice(0, 5).map((s) => s.window), [true, false, false, false, true]);
  t.deepEqual(seats.slice(0, 5).map((s) => s.aisle), [false, false, true, true, false]);
});

test('business is A C F and first is A C D F', (t) => {
  t.deepEqual(seatsOfCoach(coach(1, 'business', 9)).slice(0, 3).map((s) => s.seat_no), ['01车01A', '01车01C', '01车01F']);
  t.deepEqual(seatsOfCoach(coach(1, 'first', 28, 4)).slice(0, 4).map((s) => s.seat_no), ['01车04A', '01车04C', '01车04D', '01车04F']);
});

test('hard seats ending in 0, 4, 5, 9 are at a window, 2, 3, 7, 8 at the aisle', (t) => {
  const seats = seatsOfCoach(coach(7, 'hard_seat', 118));
  t.is(seats[97]!.seat_no, '07车098');
  for (const [at, seat] of seats.entries()) {
    const digit = (at + 1) % 10;
    t.is(seat.window, [0, 4, 5, 9].includes(digit), seat.seat_no);
    t.is(seat.aisle, [2, 3, 7, 8].includes(digit), seat.seat_no);
  }
});

test('a hard sleeper compartment has six berths on three levels, a soft one four on two', (t) => {
  const hard = seatsOfCoach(coach(8, 'hard_sleeper', 66));
  t.deepEqual(hard.slice(0, 7).map((s) => [s.compartment, s.berth]), [
    [1, 'lower'], [1, 'middle'], [1, 'upper'], [1, 'lower'], [1, 'middle'], [1, 'upper'], [2, 'lower'],
  ]);
  t.is(hard[65]!.compartment, 11);
  const soft = seatsOfCoach(coach(4, 'soft_sleeper', 36));
  t.deepEqual(soft.slice(0, 5).map((s) => [s.compartment, s.berth]), [[1, 'lower'], [1, 'upper'], [1, 'lower'], [1, 'upper'], [2, 'lower']]);
  t.is(soft[35]!.seat_no, '04车36上铺');
});

test('bits of a class are counted through all coaches by coach, row and letter, and no number is printed twice', (t) => {
  for (const consist_id of CONSIST_IDS) {
    const consist = consistById(consist_id);
    const numbers: string[] = [];
    for (const seat_class of SEAT_CLASSES) {
      const seats = seatsOfClass(consist.coaches.toReversed(), seat_class);
      t.deepEqual(seats.map((s) => s.index), seats.map((_, at) => at));
      for (let at = 1; at < seats.length; at += 1) {
        const [a, b] = [seats[at - 1]!, seats[at]!];
        t.true(a.coach_no < b.coach_no || (a.coach_no === b.coach_no && a.row <= b.row), `${consist_id} ${a.seat_no} ${b.seat_no}`);
      }
      numbers.push(...seats.map((s) => s.seat_no));
      const counted = seat_class === 'standing' ? consist.standing_capacity : seats.length;
      t.is(capacityOf(consist).get(seat_class) ?? 0, counted);
    }
    t.is(new Set(numbers).size, numbers.length, consist_id);
  }
});

test('every consist carries only classes its train type has fares for', (t) => {
  for (const train_type of TRAIN_TYPES) {
    for (const entry of consistFor(train_type, []).coaches) t.true(seatClassesOf(train_type).includes(entry.seat_class));
  }
});

test('layout ids are read back exactly and anything else is refused, whatever the text', (t) => {
  t.deepEqual(layoutOf('first-28@4'), { layout_id: 'first-28@4', seat_class: 'first', seat_count: 28, first_row: 4 });
  for (const id of ['', 'first', 'first-0', 'first-999', 'first-028', 'first-28@1', 'first-28@99', 'standing-10', 'constructor-9']) {
    t.is(layoutOf(id), undefined, id);
  }
  fc.assert(fc.property(fc.string(), (text) => layoutOf(text) === undefined || layoutOf(text)!.layout_id === text));
});

test('a coach that contradicts its layout has a problem and is not laid out', (t) => {
  const wrong = { coach_no: 1, seat_class: 'first' as const, layout_id: 'second-90', seat_count: 90 };
  t.regex(coachProblem(wrong) ?? '', /is not first/);
  t.throws(() => seatsOfCoach(wrong), { instanceOf: RangeError });
  t.regex(coachProblem({ ...coach(1, 'first', 48), seat_count: 47 }) ?? '', /has not 47/);
  t.regex(coachProblem(coach(21, 'first', 48)) ?? '', /not in 1\.\.20/);
});
