import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { CoachSchema } from '#gen/rail/query/v1/query_pb.ts';
import type { SeatService } from '#gen/rail/seat/v1/seat_pb.ts';
import { BerthLevel, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { Seat } from '#gen/rail/type/v1/journey_pb.ts';
import { stableHash32 } from '#kit/base/hash.ts';
import type { NumberedSeatClass } from '../../../timetable/model.ts';
import { coach, seatsOfCoach } from '../../../timetable/seats.ts';
import { maybeFail, refuse } from './failures.ts';

type Lock = { lock_id: string; seats: Pick<Seat, 'coachNo' | 'seatNo' | 'seatClass' | 'berthLevel'>[] };

const FAST: [number, NumberedSeatClass, number][] = [[1, 'business', 24], [2, 'first', 56], [3, 'second', 85], [4, 'second', 90], [5, 'second', 63], [6, 'second', 90]];
const SLOW: [number, NumberedSeatClass, number][] = [[1, 'hard_seat', 118], [2, 'hard_seat', 118], [3, 'hard_sleeper', 66], [4, 'hard_sleeper', 66], [5, 'soft_sleeper', 36]];
const CLASSES: Record<NumberedSeatClass, SeatClass> = {
  business: SeatClass.BUSINESS, first: SeatClass.FIRST, second: SeatClass.SECOND, soft_sleeper: SeatClass.SOFT_SLEEPER, hard_sleeper: SeatClass.HARD_SLEEPER, soft_seat: SeatClass.SOFT_SEAT, hard_seat: SeatClass.HARD_SEAT,
};
const BERTHS = { lower: BerthLevel.LOWER, middle: BerthLevel.MIDDLE, upper: BerthLevel.UPPER };
const COLUMN: Record<string, number> = { A: 0, B: 1, C: 2, D: 4, F: 5, L: 0, M: 1, U: 2 };

/** Seats of a train, half of them sold. `sessionStorage['pretend.taken'] = '05/01A'` sells one more. */
export const seating: Partial<ServiceImpl<typeof SeatService>> = {
  getSeatMap({ runId }) {
    maybeFail('GetSeatMap');
    const coaches = setOf(runId).map(([no, seat_class, count]) => {
      const seats = seatsOfCoach(coach(no, seat_class, count)).map((place) => {
        const seat = { coachNo: nameOf(no), seatNo: place.seat_no.slice(place.seat_no.indexOf('车') + 1).replace(/铺$/, ''), seatClass: CLASSES[seat_class], berthLevel: place.berth === undefined ? BerthLevel.UNSPECIFIED : BERTHS[place.berth] };
        return { seat, free: isFree(runId, seat), window: place.window, aisle: place.aisle, row: place.compartment ?? place.row, column: COLUMN[place.letter] ?? 0 };
      });
      return { coachNo: nameOf(no), seatClass: CLASSES[seat_class], seats };
    });
    return { coaches, version: 7n };
  },
  lockSeats({ requestId, runId, seats }) {
    maybeFail('LockSeats');
    if (seats.some((seat) => !isFree(runId, seat))) throw refuse('SEAT_LOCKED');
    writeLock({ lock_id: `lock-${requestId}`, seats });
    return { seatLockId: `lock-${requestId}`, expireTime: timestampFromMs(Date.now() + 60_000) };
  },
  releaseSeats() {
    sessionStorage.removeItem('pretend.lock');
    return {};
  },
};

export function coachesOf(run_id: string) {
  return setOf(run_id).map(([no, seat_class, seatCount]) => create(CoachSchema, { coachNo: nameOf(no), seatClass: CLASSES[seat_class], seatCount, quiet: no === 3 && seat_class === 'second' }));
}

/** The seats of a lock, which an order uses up. */
export function takeLock(lock_id: string): Lock['seats'] {
  const lock = readLock();
  if (lock?.lock_id !== lock_id) throw refuse('HOLD_NOT_FOUND');
  sessionStorage.removeItem('pretend.lock');
  return lock.seats;
}

function setOf(run_id: string): typeof FAST {
  return /^[GDC]/.test(run_id) ? FAST : SLOW;
}

function isFree(run_id: string, { coachNo, seatNo }: Pick<Seat, 'coachNo' | 'seatNo'>): boolean {
  const name = `${coachNo}/${seatNo}`;
  if (sessionStorage.getItem('pretend.taken') === name) return false;
  if (readLock()?.seats.some((seat) => `${seat.coachNo}/${seat.seatNo}` === name) === true) return false;
  return stableHash32(`${run_id}/${name}`) % 2 === 0;
}

function readLock(): Lock | undefined {
  const stored = sessionStorage.getItem('pretend.lock');
  return stored === null ? undefined : (JSON.parse(stored) as Lock);
}

function writeLock({ lock_id, seats }: Lock): void {
  sessionStorage.setItem('pretend.lock', JSON.stringify({ lock_id, seats: seats.map(({ coachNo, seatNo, seatClass, berthLevel }) => ({ coachNo, seatNo, seatClass, berthLevel })) }));
}

function nameOf(coach_no: number): string {
  return String(coach_no).padStart(2, '0');
}
