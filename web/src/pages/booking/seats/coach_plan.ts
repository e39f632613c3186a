import { BerthLevel } from '#gen/rail/type/v1/journey_pb.ts';
import type { SeatMapCoach, SeatMapSeat } from '#gen/rail/seat/v1/seat_pb.ts';

/** A coach as it is drawn and as the arrow keys go through it: rows of places, undefined where there is none. */
export type CoachPlan = {
  /** Berths: a bay of two facing sides, highest level first. Seats: a row each. */
  kind: 'seats' | 'berths';
  /** Letters above the columns of seats; empty for berths. */
  columns: { letter: string; window: boolean }[];
  /** Position of the aisle among the columns, or undefined. */
  aisle_before?: number;
  groups: { number: number; rows: (SeatMapSeat | undefined)[][] }[];
};

export function planOf(coach: SeatMapCoach): CoachPlan {
  const berths = coach.seats.some(({ seat }) => seat?.berthLevel !== undefined && seat.berthLevel !== BerthLevel.UNSPECIFIED);
  return berths ? berthPlan(coach.seats) : seatPlan(coach.seats);
}

/** Where an arrow key leads; undefined where the coach ends. Holes and the ends of short rows are stepped over. */
export function step(plan: CoachPlan, from: SeatMapSeat, key: string): SeatMapSeat | undefined {
  const rows = plan.groups.flatMap(({ rows }) => rows);
  const row = rows.findIndex((places) => places.includes(from));
  const column = rows[row]?.indexOf(from) ?? -1;
  if (row < 0) return undefined;
  const line = { ArrowRight: rows[row]!.slice(column + 1), ArrowLeft: rows[row]!.slice(0, column).reverse(), ArrowDown: rows.slice(row + 1).map((places) => places[column]), ArrowUp: rows.slice(0, row).reverse().map((places) => places[column]), Home: rows[row]!, End: rows[row]!.toReversed() }[key];
  return line?.find((place) => place !== undefined);
}

/** What is printed for a place within its coach: the letter where the row is said beside, else the number. */
export function shortName({ seat }: SeatMapSeat): string {
  const seat_no = seat?.seatNo ?? '';
  return /[A-F]$/.exec(seat_no)?.[0] ?? /^\d+/.exec(seat_no)?.[0] ?? seat_no;
}

export function freeCount({ seats }: SeatMapCoach): number {
  return seats.filter(({ free }) => free).length;
}

/** The same place, whichever answer it comes from. */
export function seatKey({ seat }: Pick<SeatMapSeat, 'seat'>): string {
  return `${seat?.coachNo}/${seat?.seatNo}`;
}

/** Columns that no seat of the coach uses are left out; the contract keeps the one between C and D for the aisle. */
function seatPlan(seats: readonly SeatMapSeat[]): CoachPlan {
  const used = [...new Set(seats.map(({ column }) => column))].sort((one, other) => one - other);
  const beyond = used.findIndex((column) => column > AISLE_COLUMN);
  const rows = [...Map.groupBy(seats, ({ row }) => row)].sort(([one], [other]) => one - other);
  return {
    kind: 'seats',
    columns: used.map((column) => ({ letter: LETTERS[column] ?? '', window: seats.some((seat) => seat.column === column && seat.window) })),
    aisle_before: beyond > 0 ? beyond : undefined,
    groups: rows.map(([number, inside]) => ({ number, rows: [used.map((column) => inside.find((seat) => seat.column === column))] })),
  };
}

/** Each lower berth begins a side of the bay; the others of the side lie above it. */
function berthPlan(seats: readonly SeatMapSeat[]): CoachPlan {
  const bays = [...Map.groupBy(seats, ({ row }) => row)].sort(([one], [other]) => one - other);
  const levels = [BerthLevel.UPPER, BerthLevel.MIDDLE, BerthLevel.LOWER].filter((level) => seats.some(({ seat }) => seat?.berthLevel === level));
  const groups = bays.map(([number, inside]) => {
    const sides: SeatMapSeat[][] = [];
    for (const place of inside) {
      if (place.seat?.berthLevel === BerthLevel.LOWER || sides.length === 0) sides.push([]);
      sides.at(-1)!.push(place);
    }
    return { number, rows: levels.map((level) => sides.map((side) => side.find(({ seat }) => seat?.berthLevel === level))) };
  });
  return { kind: 'berths', columns: [], groups };
}

const AISLE_COLUMN = 3;
const LETTERS = ['A', 'B', 'C', '', 'D', 'F'];
