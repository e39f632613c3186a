import type { BerthLevel, Coach, NumberedSeatClass, SeatClass, Train } from './model.ts';

/** A numbered place. `index` is its bit: coach, then row, then letter, counted over the coaches that were listed. */
export interface Seat {
  index: number;
  /** As printed on the ticket: `05车12A`, `07车098`, `03车12中铺`. */
  seat_no: string;
  seat_class: NumberedSeatClass;
  coach_no: number;
  /** Row of seats; for sleepers the printed berth number. */
  row: number;
  /** Place in the row: A B C D F; for sleepers L M U. */
  letter: string;
  window: boolean;
  aisle: boolean;
  /** Only for sleepers: their compartment (from 1) and level. */
  compartment?: number;
  berth?: BerthLevel;
}

/** How the places of one class lie in a coach. */
export interface SeatLayout {
  layout_id: string;
  seat_class: NumberedSeatClass;
  seat_count: number;
  /** The first row's number: not 1 where another class has the front of the coach. */
  first_row: number;
}

/** A coach entry is refused above this, so that no feed can ask for endless bitmaps. */
export const MAX_SEATS_PER_COACH = 200;
const MAX_COACH_NO = 20;
const MAX_FIRST_ROW = 40;

/** `second-90`, or `first-28@5` when its rows begin at 5. */
export function layoutId(seat_class: NumberedSeatClass, seat_count: number, first_row = 1): string {
  return `${seat_class}-${seat_count}${first_row === 1 ? '' : `@${first_row}`}`;
}

/** Reads a layout id; undefined if no such layout exists. */
export function layoutOf(layout_id: string): SeatLayout | undefined {
  const match = /^([a-z_]+)-(\d{1,3})(?:@(\d{1,2}))?$/.exec(layout_id);
  if (match === null || !Object.hasOwn(PLACES, match[1] ?? '')) return undefined;
  const seat_class = match[1] as NumberedSeatClass;
  const seat_count = Number(match[2]);
  const first_row = match[3] === undefined ? 1 : Number(match[3]);
  if (seat_count < 1 || seat_count > MAX_SEATS_PER_COACH || first_row < 1 || first_row > MAX_FIRST_ROW) return undefined;
  if (layoutId(seat_class, seat_count, first_row) !== layout_id) return undefined;
  return { layout_id, seat_class, seat_count, first_row };
}

/** A coach with a layout: `coach(5, 'second', 90)`. */
export function coach(coach_no: number, seat_class: NumberedSeatClass, seat_count: number, first_row = 1): Coach {
  return { coach_no, seat_class, layout_id: layoutId(seat_class, seat_count, first_row), seat_count };
}

/** Why a coach cannot be laid out, or undefined when it can. */
export function coachProblem(entry: Coach): string | undefined {
  const layout = layoutOf(entry.layout_id);
  if (layout === undefined) return `unknown layout ${entry.layout_id}`;
  if (layout.seat_class !== entry.seat_class) return `layout ${entry.layout_id} is not ${entry.seat_class}`;
  if (layout.seat_count !== entry.seat_count) return `layout ${entry.layout_id} has not ${entry.seat_count} places`;
  if (entry.coach_no < 1 || entry.coach_no > MAX_COACH_NO) return `coach number ${entry.coach_no} not in 1..${MAX_COACH_NO}`;
  return undefined;
}

/**
 * All places of one coach in bit order (row, then letter); `first_index` is the bit of the first.
 * Throws RangeError for a coach that `coachProblem` objects to: the importer lets none pass.
 */
export function seatsOfCoach(entry: Coach, first_index = 0): Seat[] {
  const problem = coachProblem(entry);
  if (problem !== undefined) throw new RangeError(problem);
  const layout = layoutOf(entry.layout_id)!;
  const seats: Seat[] = [];
  for (let place = 0; place < entry.seat_count; place += 1) {
    seats.push({
      index: first_index + place,
      seat_class: entry.seat_class,
      coach_no: entry.coach_no,
      ...PLACES[entry.seat_class](place, layout.first_row, entry.coach_no),
    });
  }
  return seats;
}

/** All places of a class on a train in bit order. The bits of a class begin at 0 and have no gaps. */
export function seatsOfClass(coaches: readonly Coach[], seat_class: SeatClass): Seat[] {
  const seats: Seat[] = [];
  for (const entry of inBitOrder(coaches)) {
    if (entry.seat_class === seat_class) seats.push(...seatsOfCoach(entry, seats.length));
  }
  return seats;
}

/** How many places each class of the train has, `standing` included; classes without places are left out. */
export function capacityOf(train: Pick<Train, 'coaches' | 'standing_capacity'>): Map<SeatClass, number> {
  const capacity = new Map<SeatClass, number>();
  for (const entry of inBitOrder(train.coaches)) {
    capacity.set(entry.seat_class, (capacity.get(entry.seat_class) ?? 0) + entry.seat_count);
  }
  if (train.standing_capacity > 0) capacity.set('standing', train.standing_capacity);
  return capacity;
}

/** Coaches by number, and by first row inside a coach of two classes. */
export function inBitOrder(coaches: readonly Coach[]): Coach[] {
  const row = (entry: Coach): number => layoutOf(entry.layout_id)?.first_row ?? 1;
  return coaches.toSorted((a, b) => a.coach_no - b.coach_no || row(a) - row(b));
}

type Place = Omit<Seat, 'index' | 'seat_class' | 'coach_no'>;
type PlaceRule = (place: number, first_row: number, coach_no: number) => Place;

/** Letters skip E, as on Chinese trains, so that A and F are always windows and C and D always at the aisle. */
const PLACES: Record<NumberedSeatClass, PlaceRule> = {
  business: lettered(['A', 'C', 'F'], ['A', 'F'], ['C', 'F']),
  first: lettered(['A', 'C', 'D', 'F'], ['A', 'F'], ['C', 'D']),
  second: lettered(['A', 'B', 'C', 'D', 'F'], ['A', 'F'], ['C', 'D']),
  soft_seat: softSeat,
  hard_seat: hardSeat,
  soft_sleeper: softBerth,
  hard_sleeper: hardBerth,
};

function lettered(letters: readonly string[], windows: readonly string[], aisles: readonly string[]): PlaceRule {
  return (place, first_row, coach_no) => {
    const row = first_row + Math.floor(place / letters.length);
    const letter = letters[place % letters.length]!;
    const seat_no = `${coachLabel(coach_no)}${String(row).padStart(2, '0')}${letter}`;
    return { seat_no, row, letter, window: windows.includes(letter), aisle: aisles.includes(letter) };
  };
}

/**
 * Hard seats are numbered through the coach, five a row, from 1; the row of number 0 begins with the missing seat 0.
 * So numbers that end in 0, 4, 5 or 9 are at a window and 2, 3, 7, 8 at the aisle, as travellers know them.
 */
function hardSeat(place: number, first_row: number, coach_no: number): Place {
  const number = (first_row - 1) * 5 + place + 1;
  const letter = ['A', 'B', 'C', 'D', 'F'][number % 5]!;
  return {
    seat_no: `${coachLabel(coach_no)}${String(number).padStart(3, '0')}`,
    row: Math.floor(number / 5) + 1,
    letter,
    window: letter === 'A' || letter === 'F',
    aisle: letter === 'C' || letter === 'D',
  };
}

/** Soft seats are numbered through, two and two. */
function softSeat(place: number, first_row: number, coach_no: number): Place {
  const number = (first_row - 1) * 4 + place + 1;
  const letter = ['A', 'C', 'D', 'F'][(number - 1) % 4]!;
  return {
    seat_no: `${coachLabel(coach_no)}${String(number).padStart(3, '0')}`,
    row: Math.floor((number - 1) / 4) + 1,
    letter,
    window: letter === 'A' || letter === 'F',
    aisle: letter === 'C' || letter === 'D',
  };
}

/** Hard sleepers print one number for a column of three berths; two columns face each other in a compartment of six. */
function hardBerth(place: number, first_row: number, coach_no: number): Place {
  const number = first_row + Math.floor(place / 3);
  const level = (['lower', 'middle', 'upper'] as const)[place % 3]!;
  return berthPlace(coach_no, number, level, Math.floor((number - 1) / 2) + 1);
}

/** Soft sleepers number every berth: odd below, even above, four in a compartment. */
function softBerth(place: number, first_row: number, coach_no: number): Place {
  const number = first_row + place;
  return berthPlace(coach_no, number, number % 2 === 1 ? 'lower' : 'upper', Math.floor((number - 1) / 4) + 1);
}

const BERTH_LABELS: Record<BerthLevel, { zh: string; letter: string }> = {
  lower: { zh: '下铺', letter: 'L' },
  middle: { zh: '中铺', letter: 'M' },
  upper: { zh: '上铺', letter: 'U' },
};

function berthPlace(coach_no: number, row: number, berth: BerthLevel, compartment: number): Place {
  const { zh, letter } = BERTH_LABELS[berth];
  const seat_no = `${coachLabel(coach_no)}${String(row).padStart(2, '0')}${zh}`;
  return { seat_no, row, letter, window: false, aisle: false, compartment, berth };
}

function coachLabel(coach_no: number): string {
  return `${String(coach_no).padStart(2, '0')}车`;
}
