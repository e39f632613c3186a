import { createContext } from 'react';
import type { ClassAvailability } from '#gen/rail/query/v1/query_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import type { Dictionary } from '../../i18n/zh.ts';
import { bookingPath } from '../booking/booking_path.ts';
import { standbyPath } from '../standby/standby_path.ts';
import { cellState } from './filter.ts';

/** Where the choice of a train and a class leads. */
export type RideChoice = {
  /** Undefined where this can't be chosen. `change`: with seats changed on the way. */
  pathOf: (journey: Journey, availability: ClassAvailability, how: { student: boolean; change: boolean }) => string | undefined;
  /** What stands in the place of how many are left. */
  noteOf?: (journey: Journey, availability: ClassAvailability) => string | undefined;
  /** What readers of the screen hear before the class. */
  words: (text: Dictionary, train_no: string) => string;
  /** Journeys with a change of trains can be chosen, too. */
  transfers: boolean;
  /** Where waiting for a class leads; undefined where nobody can or need wait. */
  waitPathOf: (journey: Journey, availability: ClassAvailability) => string | undefined;
  /** What readers of the screen hear before the class in that case. */
  wait_words: (text: Dictionary, train_no: string) => string;
};

/** Trains are looked for to buy a ticket, unless a page says what else for. */
export const RideChoiceContext = createContext<RideChoice>({
  pathOf: (journey, { seatClass }, how) => bookingPath(journey, seatClass, how),
  words: (text, train_no) => text.results.choose(train_no),
  transfers: true,
  waitPathOf: (journey, availability) => (cellState(availability) === 'standby' ? standbyPath(journey, availability.seatClass) : undefined),
  wait_words: (text, train_no) => text.standby.join_train(train_no),
});
