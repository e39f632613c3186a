import { SEAT_CLASSES, TRAIN_TYPES, BERTH_LEVELS, type BerthLevel, type Coach, type NumberedSeatClass, type SeatClass, type TrainType } from '../model.ts';
import { seatClassesOf } from '../rules/coaches.ts';
import { FARES_RULE_VERSION, fareFen, isSold } from '../rules/fares.ts';
import { coachProblem, inBitOrder, layoutOf, seatsOfCoach } from '../seats.ts';
import type { Archive } from './archive.ts';
import { MAX_STANDING_CAPACITY } from './limits.ts';
import type { Problems } from './problems.ts';
import type { TripsRead } from './read_trips.ts';
import { readTable } from './table.ts';
import { Cells } from './values.ts';

/** What our extension files say about a train. */
export interface TrainExtra {
  train_type: TrainType;
  coaches: Coach[];
  standing_capacity: number;
}

const COACHES = 'chunyun_coaches.txt';
const TRAINS = 'chunyun_trains.txt';
const FARES = 'chunyun_fares.txt';

/** Coaches by trip from chunyun_trains.txt and chunyun_coaches.txt; empty when the feed has neither. */
export async function readTrainExtras(archive: Archive, problems: Problems, trips: TripsRead, signal?: AbortSignal): Promise<Map<string, TrainExtra>> {
  const extras = new Map<string, TrainExtra>();
  if (!archive.has(TRAINS)) return extras;
  const consists = archive.has(COACHES) ? await readConsists(archive, problems, signal) : new Map<string, Coach[]>();
  const cells = new Cells(TRAINS, problems);
  const required_columns = ['trip_id', 'train_type', 'consist_id', 'standing_capacity'];
  await readTable(archive, TRAINS, problems, { required_columns, signal }, (row) => {
    const trip_id = cells.text(row, 'trip_id');
    const consist_id = cells.text(row, 'consist_id');
    const train_type = TRAIN_TYPES.find((type) => type === row.value('train_type'));
    const standing_capacity = cells.integer(row, 'standing_capacity', 0, MAX_STANDING_CAPACITY);
    const coaches = consist_id === undefined ? undefined : consists.get(consist_id);
    if (train_type === undefined) problems.error(TRAINS, row.line, 'bad_value', `unknown train_type "${row.value('train_type')}"`, 'train_type');
    if (consist_id !== undefined && coaches === undefined) {
      problems.error(TRAINS, row.line, 'unknown_reference', `consist_id ${consist_id} does not exist`, 'consist_id');
    }
    if (trip_id === undefined || train_type === undefined || standing_capacity === undefined || coaches === undefined) return;
    if (!trips.trips.has(trip_id)) problems.error(TRAINS, row.line, 'unknown_reference', `trip_id ${trip_id} does not exist`, 'trip_id');
    if (extras.has(trip_id)) problems.error(TRAINS, row.line, 'duplicate_id', `trip_id ${trip_id} appears twice`, 'trip_id');
    const unsold = coaches.find((entry) => !seatClassesOf(train_type).includes(entry.seat_class));
    if (unsold !== undefined) problems.error(TRAINS, row.line, 'bad_coach', `${train_type} trains carry no ${unsold.seat_class}`, 'consist_id');
    extras.set(trip_id, { train_type, coaches, standing_capacity });
  });
  return extras;
}

async function readConsists(archive: Archive, problems: Problems, signal?: AbortSignal): Promise<Map<string, Coach[]>> {
  const consists = new Map<string, Coach[]>();
  const cells = new Cells(COACHES, problems);
  const required_columns = ['consist_id', 'coach_no', 'seat_class', 'layout_id', 'seat_count'];
  await readTable(archive, COACHES, problems, { required_columns, signal }, (row) => {
    const consist_id = cells.text(row, 'consist_id');
    const coach_no = cells.integer(row, 'coach_no', 1, 99);
    const seat_class = SEAT_CLASSES.find((known) => known === row.value('seat_class'));
    const layout_id = cells.text(row, 'layout_id');
    const seat_count = cells.integer(row, 'seat_count', 1, 999);
    if (consist_id === undefined || coach_no === undefined || layout_id === undefined || seat_count === undefined) return;
    if (seat_class === undefined || seat_class === 'standing') {
      problems.error(COACHES, row.line, 'bad_coach', `unknown seat_class "${row.value('seat_class')}"`, 'seat_class');
      return;
    }
    const entry: Coach = { coach_no, seat_class: seat_class as NumberedSeatClass, layout_id, seat_count };
    const coaches = consists.get(consist_id) ?? [];
    const problem = coachProblem(entry) ?? rowsMeet(entry, coaches);
    if (problem !== undefined) {
      problems.error(COACHES, row.line, 'bad_coach', problem, 'layout_id');
      return;
    }
    consists.set(consist_id, [...coaches, entry]);
  });
  for (const [consist_id, coaches] of consists) consists.set(consist_id, inBitOrder(coaches));
  return consists;
}

/** Two entries of one coach must not share a row, or two places would carry one number. */
function rowsMeet(entry: Coach, others: readonly Coach[]): string | undefined {
  const span = (coach: Coach): [number, number] => [layoutOf(coach.layout_id)!.first_row, seatsOfCoach(coach).at(-1)!.row];
  const [first, last] = span(entry);
  for (const other of others) {
    if (other.coach_no !== entry.coach_no) continue;
    const [other_first, other_last] = span(other);
    if (first <= other_last && other_first <= last) return `coach ${entry.coach_no} has rows of two classes in one place`;
  }
  return undefined;
}

/** Prices printed in the feed must be the ones we would charge; otherwise the feed was made for other rules. */
export async function checkFares(archive: Archive, problems: Problems, signal?: AbortSignal): Promise<void> {
  if (!archive.has(FARES)) return;
  const cells = new Cells(FARES, problems);
  const required_columns = ['rule_version', 'train_type', 'seat_class', 'berth', 'distance_km', 'amount_fen'];
  await readTable(archive, FARES, problems, { required_columns, signal }, (row) => {
    const train_type = TRAIN_TYPES.find((type) => type === row.value('train_type'));
    const seat_class: SeatClass | undefined = SEAT_CLASSES.find((known) => known === row.value('seat_class'));
    const berth: BerthLevel | undefined = BERTH_LEVELS.find((level) => level === row.value('berth'));
    const distance_km = cells.integer(row, 'distance_km', 1, 20_000);
    const amount_fen = cells.integer(row, 'amount_fen', 0, 100_000_000);
    if (train_type === undefined || seat_class === undefined || !isSold(train_type, seat_class)) {
      problems.error(FARES, row.line, 'bad_value', 'no such class on such a train', 'seat_class');
      return;
    }
    if (distance_km === undefined || amount_fen === undefined) return;
    const query = { train_type, seat_class, distance_m: distance_km * 1000, passenger_type: 'adult' as const };
    const ours = fareFen(berth === undefined ? query : { ...query, berth });
    if (row.value('rule_version') !== FARES_RULE_VERSION || ours !== amount_fen) {
      problems.error(FARES, row.line, 'fare_rule_mismatch', `${FARES_RULE_VERSION} asks ${ours} fen`, 'amount_fen');
    }
  });
}
