// Questions as travellers ask them, drawn at random but so that most have an answer, and as the contract says them.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SearchTrainsRequestSchema } from '#gen/rail/query/v1/query_pb.ts';
import type { Random } from '../../timetable/generate/random.ts';
import type { Feed } from './feed.ts';
import { CHANNELS, CLASSES, LETTERS, PASSENGERS, SORTS } from './words.ts';

export type End = { station_id: string } | { city: string };

/** Minutes of the day, the latter excluded. */
export type Hours = { from_min: number; to_min: number };

export type Question = {
  from: End;
  to: End;
  date: string;
  letters: string[];
  classes: string[];
  leaving?: Hours;
  arriving?: Hours;
  only_available: boolean;
  from_only: string[];
  to_only: string[];
  sort: string;
  channel: string;
  passenger: string;
};

/** About one in eight has places that no train connects. */
export function drawQuestion(random: Random, feed: Feed, dates: readonly string[]): Question {
  const trip = feed.trips[random.int(0, feed.trips.length - 1)]!;
  const other = random.chance(0.12) ? feed.trips[random.int(0, feed.trips.length - 1)]! : trip;
  const leave = random.int(0, trip.calls.length - 2);
  const [from_id, to_id] = [trip.calls[leave]!.station_id, other.calls[random.int(Math.min(leave + 1, other.calls.length - 1), other.calls.length - 1)]!.station_id];
  const question = drawFilters(random, { from: drawEnd(random, feed, from_id), to: drawEnd(random, feed, to_id), date: dates[random.int(0, dates.length - 1)]! });
  const meet = stationsOf(feed, question.to).every((station_id) => stationsOf(feed, question.from).includes(station_id));
  if (meet) return drawQuestion(random, feed, dates);
  return {
    ...question,
    from_only: random.chance(0.1) ? stationsOf(feed, question.from).filter(() => random.chance(0.7)) : [],
    to_only: random.chance(0.1) ? stationsOf(feed, question.to).filter(() => random.chance(0.7)) : [],
  };
}

/** The stations that an end stands for. */
export function stationsOf(feed: Feed, end: End): string[] {
  if ('station_id' in end) return [end.station_id];
  // Stations at which no train calls are not in the timetable.
  return [...feed.places.values()].filter(({ city, station_id }) => city === end.city && feed.trips_at.has(station_id)).map(({ station_id }) => station_id);
}

/** As the contract says it, for both kinds of search. */
export function requestOf(question: Question) {
  const { from, to, date, sort, channel, passenger } = question;
  const filter = {
    trainTypes: question.letters.map((letter) => LETTERS[letter]!),
    seatClasses: question.classes.map((seat_class) => CLASSES[seat_class]!),
    departureFromMin: question.leaving?.from_min ?? 0, departureToMin: question.leaving?.to_min ?? 0,
    arrivalFromMin: question.arriving?.from_min ?? 0, arrivalToMin: question.arriving?.to_min ?? 0,
    onlyAvailable: question.only_available, fromStationIds: question.from_only, toStationIds: question.to_only,
  };
  const common = { from: placeOf(from), to: placeOf(to), date, filter, sort: SORTS[sort]!, passengerType: PASSENGERS[passenger]!, channel: CHANNELS[channel]! };
  return common satisfies MessageInitShape<typeof SearchTrainsRequestSchema>;
}

function drawFilters(random: Random, ends: Pick<Question, 'from' | 'to' | 'date'>): Question {
  const some = (words: string[], chance: number): string[] => (random.chance(chance) ? words.filter(() => random.chance(0.4)) : []);
  const hours = (): Hours | undefined => {
    if (!random.chance(0.15)) return undefined;
    const from_min = random.int(0, 20) * 60;
    return { from_min, to_min: Math.min(1440, from_min + random.int(1, 12) * 60 + random.int(0, 59)) };
  };
  const [leaving, arriving] = [hours(), hours()];
  const pick = (words: string[]): string => words[random.int(0, words.length - 1)]!;
  return {
    ...ends,
    letters: some(['G', 'D', 'C', 'Z', 'T', 'K', 'other'], 0.2),
    classes: some(Object.keys(CLASSES), 0.2),
    ...(leaving === undefined ? {} : { leaving }),
    ...(arriving === undefined ? {} : { arriving }),
    only_available: random.chance(0.25),
    from_only: [], to_only: [],
    sort: pick(['departure', 'arrival', 'duration', 'price']),
    channel: pick(['web', 'web', 'app', 'partner']),
    passenger: pick(['adult', 'adult', 'adult', 'child', 'student', 'disabled_veteran']),
  };
}

function drawEnd(random: Random, feed: Feed, station_id: string): End {
  return random.chance(0.5) ? { station_id } : { city: feed.places.get(station_id)!.city };
}

function placeOf(end: End) {
  return { place: 'city' in end ? { case: 'cityZh' as const, value: end.city } : { case: 'stationId' as const, value: end.station_id } };
}
