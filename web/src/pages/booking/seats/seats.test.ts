import { create } from '@bufbuild/protobuf';
import test from 'ava';
import { SeatMapCoachSchema } from '#gen/rail/seat/v1/seat_pb.ts';
import type { SeatMapCoach, SeatMapSeat } from '#gen/rail/seat/v1/seat_pb.ts';
import { BerthLevel, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { freeCount, planOf, shortName, step } from './coach_plan.ts';
import { lockEnd_ms, stillFree, toggleSeat } from './picking.ts';

const COLUMN: Record<string, number> = { A: 0, B: 1, C: 2, D: 4, F: 5 };

function seatCoach(letters: string, rows: number): SeatMapCoach {
  const seats = Array.from({ length: rows }, (_, index) => index + 1).flatMap((row) =>
    [...letters].map((letter) => ({ seat: { coachNo: '05', seatNo: `${String(row).padStart(2, '0')}${letter}`, seatClass: SeatClass.SECOND }, free: true, window: 'AF'.includes(letter), aisle: 'CD'.includes(letter), row, column: COLUMN[letter]! })),
  );
  return create(SeatMapCoachSchema, { coachNo: '05', seatClass: SeatClass.SECOND, seats });
}

function berthCoach(numbers: string[], levels: BerthLevel[]): SeatMapCoach {
  const seats = numbers.flatMap((number, index) => levels.map((berthLevel, column) => ({ seat: { coachNo: '03', seatNo: `${number}${['', '下', '中', '上'][berthLevel]}`, berthLevel }, free: true, row: Math.floor(index / 2) + 1, column })));
  return create(SeatMapCoachSchema, { coachNo: '03', seats });
}

const names = (seats: readonly (SeatMapSeat | undefined)[]): (string | undefined)[] => seats.map((one) => one?.seat?.seatNo);

test('[web] rows of seats have their letters, windows outside and the aisle where it is', (t) => {
  const second = planOf(seatCoach('ABCDF', 2));
  t.deepEqual(second.columns.map(({ letter, window }) => [letter, window]), [['A', true], ['B', false], ['C', false], ['D', false], ['F', true]]);
  t.is(second.aisle_before, 3);
  t.deepEqual(names(second.groups[1]!.rows[0]!), ['02A', '02B', '02C', '02D', '02F']);
  const business = planOf(seatCoach('ACF', 1));
  t.deepEqual([business.columns.map(({ letter }) => letter).join(''), business.aisle_before], ['ACF', 2]);
  t.is(shortName(seatCoach('ABCDF', 1).seats[4]!), 'F');
});

test('[web] berths lie in bays of two sides, the upper ones above', (t) => {
  const hard = planOf(berthCoach(['01', '02', '03', '04'], [BerthLevel.LOWER, BerthLevel.MIDDLE, BerthLevel.UPPER]));
  t.deepEqual(hard.groups.map(({ number }) => number), [1, 2]);
  t.deepEqual(hard.groups[0]!.rows.map(names), [['01上', '02上'], ['01中', '02中'], ['01下', '02下']]);
  // Soft sleepers number every berth: 1 and 3 below, 2 and 4 above.
  const soft = create(SeatMapCoachSchema, { seats: ['01下', '02上', '03下', '04上'].map((seatNo) => ({ seat: { seatNo, berthLevel: seatNo.endsWith('下') ? BerthLevel.LOWER : BerthLevel.UPPER }, row: 1 })) });
  t.deepEqual(planOf(soft).groups[0]!.rows.map(names), [['02上', '04上'], ['01下', '03下']]);
  t.is(shortName(soft.seats[0]!), '01');
});

test('[web] arrow keys go through the coach, over holes, and stop at its ends', (t) => {
  const coach = seatCoach('ABCDF', 3);
  const gap = create(SeatMapCoachSchema, { ...coach, seats: coach.seats.filter(({ seat }) => seat?.seatNo !== '02C') });
  const plan = planOf(gap);
  const at = (seat_no: string): SeatMapSeat => gap.seats.find(({ seat }) => seat?.seatNo === seat_no)!;
  const go = (seat_no: string, key: string): string | undefined => step(plan, at(seat_no), key)?.seat?.seatNo;
  t.is(go('01C', 'ArrowRight'), '01D', 'over the aisle');
  t.is(go('01C', 'ArrowDown'), '03C', 'over the hole');
  t.is(go('02B', 'ArrowRight'), '02D');
  t.deepEqual([go('01A', 'ArrowLeft'), go('01A', 'ArrowUp'), go('03F', 'ArrowDown'), go('01A', 'x')], [undefined, undefined, undefined, undefined]);
  t.deepEqual([go('02B', 'Home'), go('02B', 'End')], ['02A', '02F']);
});

test('[web] as many places are chosen as people travel; what is taken can not be', (t) => {
  const { seats } = seatCoach('ABCDF', 1);
  const [a, b, c] = seats as [SeatMapSeat, SeatMapSeat, SeatMapSeat];
  t.deepEqual(names(toggleSeat([a, b], c, 2)), ['01B', '01C'], 'the oldest choice gives way');
  t.deepEqual(names(toggleSeat([a, b], a, 2)), ['01B']);
  t.deepEqual(names(toggleSeat([a], { ...c, free: false }, 2)), ['01A']);
});

test('[web] a fresh map says which choices went to somebody else', (t) => {
  const before = seatCoach('ABCDF', 1);
  const after = create(SeatMapCoachSchema, { ...before, seats: before.seats.map((seat) => ({ ...seat, free: seat.column > 0 })) });
  const { kept, lost } = stillFree(before.seats.slice(0, 2), [after]);
  t.deepEqual([names(kept), names(lost)], [['01B'], ['01A']]);
  t.is(freeCount(after), 4);
});

test('[web] a lock ends when the server says, also where the clock here is wrong', (t) => {
  const now = 1_000_000;
  t.is(lockEnd_ms(now + 59_000, now - 500, now), now + 59_000);
  t.is(lockEnd_ms(now - 120_000, now - 500, now), now + 59_500, 'this clock is fast');
  t.is(lockEnd_ms(now + 900_000, now - 500, now), now + 59_500, 'this clock is slow');
});
