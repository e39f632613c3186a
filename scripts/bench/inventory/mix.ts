/**
 * The one mix of every figure: holds of one seat with an id of their own on a random pair of stops, best fit, on runs of
 * 21 stops (20 segments) with 1,000 seats of one class.
 */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { HoldOwner, type HoldSeatsRequestSchema } from '#gen/rail/inventory/v1/inventory_pb.ts';
import type { TrainRunSchema } from '#gen/rail/query/v1/query_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { integerBetween, type Random } from '#kit/base/random.ts';
import { addDays, serviceDateAt, serviceTimeToEpoch_ms, toCompactDate } from '#kit/base/time.ts';
import { layoutOfCoaches, type RunCoach, type RunLayout } from '../../../services/inventory/domain/layout.ts';
import { runBucket, type RunHeader } from '../../../services/inventory/domain/run.ts';
import { CLASS_CODE } from '../../../services/inventory/domain/seat_class.ts';
import type { PlannedHold } from '../../../services/inventory/app/ports.ts';
import { layoutId } from '../../../timetable/seats.ts';

export const SEGMENTS = 20;
export const BUCKETS = 64;
/** Holds of one call, of whatever kind. */
export const HOLDS_PER_CALL = 64;
export const SEATS_OF_RUN_CLASS = CLASS_CODE.second;
/** Far enough that no sale ends while it is measured. */
export const SERVICE_DATE = addDays(serviceDateAt(Date.now()), 3);
/** The longest there is, so that nothing runs out while it is measured. */
export const HOLD_TTL_MS = 600_000;
/**
 * Half of all trips cross the middle of a run, so it is full there after some 1,900 holds. Where all holds meet on one
 * run, the next one follows after this many: four fifths full, and nobody is refused for want of a seat.
 */
export const HOLDS_PER_HOT_RUN = 1_500;

const COACHES: RunCoach[] = Array.from({ length: 10 }, (_, index) => ({ coach_no: index + 1, seat_class: 'second', layout_id: layoutId('second', 100), seat_count: 100, quiet: false }));
export const LAYOUT = layoutOfCoaches(COACHES);
/** One coach of 100 seats. */
export const SMALL_LAYOUT = layoutOfCoaches(COACHES.slice(0, 1));

export type Wish = { hold_id: string; run_id: string; from: number; to: number };

/** Every pair of stops is as likely as any other. */
export function randomPair(random: Random): { from: number; to: number } {
  const [one, other] = [integerBetween(random, 0, SEGMENTS), integerBetween(random, 0, SEGMENTS - 1)];
  const [from, to] = other >= one ? [one, other + 1] : [other, one];
  return { from, to };
}

export function trainName(kind: string, number: number): string {
  return `${kind}${String(number).padStart(5, '0')}`;
}

export function runIdOf(train: string): string {
  return `${train}.${toCompactDate(SERVICE_DATE)}`;
}

export function stationOf(stop: number): string {
  return `s${stop}`;
}

/** A run as the timetable tells of it. */
export function timetableRun(train: string): MessageInitShape<typeof TrainRunSchema> {
  const time = (stop: number, minutes: number) => timestampFromMs(departure_ms(stop) + minutes * 60_000);
  return {
    runId: runIdOf(train),
    trainId: train,
    trainNo: train,
    serviceDate: SERVICE_DATE,
    stops: Array.from({ length: SEGMENTS + 1 }, (_, index) => ({
      index,
      station: { stationId: stationOf(index) },
      arrivalTime: index === 0 ? undefined : time(index, -2),
      departureTime: index === SEGMENTS ? undefined : time(index, 0),
    })),
    coaches: COACHES.map(({ coach_no, layout_id, seat_count }) => ({ coachNo: String(coach_no).padStart(2, '0'), seatClass: SeatClass.SECOND, seatCount: seat_count, layoutId: layout_id })),
    standingCapacity: 0,
    saleStartTime: timestampFromMs(Date.now() - 3_600_000),
    timetableVersion: 'bench-1',
  };
}

/** The same run as the service keeps it, for measuring stores without the service. */
export function runHeader(train: string, run_no: number, layout: RunLayout = LAYOUT): RunHeader {
  return {
    run_no: BigInt(run_no),
    run_id: runIdOf(train),
    bucket: runBucket(train, SERVICE_DATE, BUCKETS),
    service_date: SERVICE_DATE,
    timetable_version: 'bench-1',
    stops: Array.from({ length: SEGMENTS + 1 }, (_, index) => ({ station_id: stationOf(index), departure_ms: departure_ms(index), arrival_ms: departure_ms(index) })),
    segments: SEGMENTS,
    layout,
    standing_capacity: 0,
    sale_start_ms: Date.now() - 3_600_000,
    sale_end_ms: departure_ms(SEGMENTS),
    seats_at_opening: layout.seat_count,
    quotas: [],
    open: true,
  };
}

export function plannedHold(run: RunHeader, hold_id: string, { from, to }: { from: number; to: number }): PlannedHold {
  return {
    hold_id, run, from, to,
    owner: 'ORDER',
    body_hash: BODY_HASH,
    items: [{ id: '1', classes: [String(SEATS_OF_RUN_CLASS)], quotas: [] }],
    wish: { flags: [], letters: '', together: false, same_coach: false, required: false },
    changes: false,
    ttl_ms: HOLD_TTL_MS,
    account_id: '',
  };
}

export function holdRequest({ hold_id, run_id, from, to }: Wish): MessageInitShape<typeof HoldSeatsRequestSchema> {
  return { holdId: hold_id, runId: run_id, fromStationId: stationOf(from), toStationId: stationOf(to), items: ITEMS, owner: HoldOwner.ORDER, holdTtlMs: HOLD_TTL_MS };
}

const BODY_HASH = new Uint8Array(16).fill(7);
const ITEMS = [{ itemId: '1', seatClasses: [SeatClass.SECOND] }];

function departure_ms(stop: number): number {
  return serviceTimeToEpoch_ms(SERVICE_DATE, 8 * 3600 + stop * 1800);
}
