import { capacityOf } from '../../../timetable/seats.ts';
import type { BerthLevel, SeatClass, Train } from '../../../timetable/model.ts';
import { fareFen, isSold, type PassengerType } from '../../../timetable/rules/fares.ts';
import { leftTo, type Buyer } from './buyer.ts';
import { arrivalMs, departureMs } from './catalog.ts';
import { pairIndex, type RunRemaining } from './remaining.ts';
import { isStudentSeason } from '../../../timetable/rules/student.ts';
import { boardingDate, saleStartMs, saleStateOf, type SaleState } from './sale.ts';
import type { Found } from './search.ts';
import { seatChangeOf, type SeatChange } from './seat_change.ts';

export type ClassOffer = {
  seat_class: SeatClass;
  remaining: number;
  fare_fen: number;
  /** An adult pays more. */
  fare_reduced: boolean;
  /** Only where no seat goes through. */
  seat_change?: SeatChange;
};

export type Offer = Found & {
  departure_ms: number;
  arrival_ms: number;
  distance_m: number;
  classes: ClassOffer[];
  sale_state: SaleState;
  sale_start_ms: number;
  version: bigint;
  stale: boolean;
  /** What others have made of this offer, kept with it: it is never changed. */
  made: { words?: string; bytes?: Uint8Array };
};

export type OfferContext = {
  buyer: Buyer;
  now_ms: number;
  remainingOf: (run_id: string) => RunRemaining | undefined;
  isStale: (state: RunRemaining | undefined) => boolean;
};

/** Whether one may wait for what others give back (aftersales' standby): on sale, nothing left, and a seat. Nobody waits for a standing place. */
export function isStandbyAllowed({ sale_state }: Pick<Offer, 'sale_state'>, { seat_class, remaining }: Pick<ClassOffer, 'seat_class' | 'remaining'>): boolean {
  return sale_state === 'OPEN' && remaining === 0 && seat_class !== 'standing';
}

/** What can be bought of a stretch, counted by inventory and priced by the fare rules. */
export function offerOf(found: Found, context: OfferContext): Offer {
  const { run, from_index, to_index } = found;
  const state = context.remainingOf(run.run_id);
  const sale_state = saleStateOf(run, from_index, context.now_ms, state?.open);
  const on_sale = sale_state === 'OPEN' ? state : undefined;
  const classes = classesOf(found).map((seat_class) => ({
    seat_class,
    ...(on_sale === undefined ? { remaining: 0 } : leftOn(found, leftTo(context.buyer, on_sale, seat_class))),
    ...pricedFor(found, seat_class, context.buyer.passenger_type),
  }));
  return {
    ...found,
    departure_ms: departureMs(run, from_index),
    arrival_ms: arrivalMs(run, to_index),
    distance_m: distanceOf(found),
    classes,
    sale_state,
    sale_start_ms: saleStartMs(run, from_index),
    version: state?.version ?? 0n,
    stale: context.isStale(state),
    made: {},
  };
}

/** Changes of seats are looked for only when nothing else is left: most stretches never need them. */
function leftOn({ run, from_index, to_index }: Found, left: (pair: number) => number): Pick<ClassOffer, 'remaining' | 'seat_change'> {
  const stop_count = run.train.stops.length;
  const remaining = left(pairIndex(stop_count, from_index, to_index));
  return remaining > 0 ? { remaining } : { remaining, seat_change: seatChangeOf({ stop_count, left }, from_index, to_index) };
}

/** Classes the train carries and its type can price, in the order of the model. */
export function classesOf({ run: { train } }: Pick<Found, 'run'>): readonly SeatClass[] {
  const known = CLASSES.get(train);
  if (known !== undefined) return known;
  const classes = [...capacityOf(train).keys()].filter((seat_class) => isSold(train.train_type, seat_class));
  CLASSES.set(train, classes);
  return classes;
}

const CLASSES = new WeakMap<Train, readonly SeatClass[]>();

export function distanceOf({ run, from_index, to_index }: Found): number {
  return run.train.stops[to_index]!.distance_m - run.train.stops[from_index]!.distance_m;
}

/**
 * What a passenger pays in fen. Without a berth the cheapest place of the class, which is what a list shows as "from".
 * Students pay as adults do where the train is boarded outside of their season.
 */
export function fareOf(found: Found, seat_class: SeatClass, passenger_type: PassengerType, berth?: BerthLevel): number {
  const payer = passenger_type === 'student' && !isStudentSeason(boardingDate(found.run, found.from_index)) ? 'adult' : passenger_type;
  const query = { train_type: found.run.train.train_type, seat_class, distance_m: distanceOf(found), passenger_type: payer };
  return fareFen({ ...query, berth: berth ?? berthsOf(seat_class).at(-1) });
}

function pricedFor(found: Found, seat_class: SeatClass, passenger_type: PassengerType): Pick<ClassOffer, 'fare_fen' | 'fare_reduced'> {
  const fare_fen = fareOf(found, seat_class, passenger_type);
  return { fare_fen, fare_reduced: passenger_type !== 'adult' && fare_fen < fareOf(found, seat_class, 'adult') };
}

/** Levels that are priced apart; none for seats. */
export function berthsOf(seat_class: SeatClass): BerthLevel[] {
  if (seat_class === 'hard_sleeper') return ['lower', 'middle', 'upper'];
  return seat_class === 'soft_sleeper' ? ['lower', 'upper'] : [];
}
