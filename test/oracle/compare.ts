// What an answer of the service says otherwise than the oracle, in words; an empty list is agreement.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ClassAvailability, SearchTransfersResponse_Transfer as Transfer, TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { isAsGood, isEqual, type Pair } from './changes.ts';
import { askedOf, type Expected, type ExpectedClass } from './direct.ts';
import type { Feed, Trip } from './feed.ts';
import type { Question } from './question.ts';
import { CLASSES, LETTERS, SALES } from './words.ts';

/** All pages of an answer against every train that should be in it. */
export function trainDifferences(feed: Feed, question: Question, answer: readonly TrainOffer[], expected: readonly Expected[]): string[] {
  const wanted = new Map(expected.map((one) => [one.run_id, one]));
  const shown = new Set(answer.map(({ journey }) => journey!.runId));
  const missing = expected.filter(({ run_id }) => !shown.has(run_id)).map(({ run_id }) => `${run_id} is missing`);
  const twice = answer.length === shown.size ? [] : ['a train is listed twice'];
  const wrong = answer.flatMap((offer) => {
    const own = wanted.get(offer.journey!.runId);
    return own === undefined ? [`${offer.journey!.runId} does not answer`] : offerDifferences(feed, offer, own);
  });
  return [...missing, ...twice, ...wrong, ...orderProblem(answer.map((offer) => [keyOf(question, wanted.get(offer.journey!.runId)), timestampMs(offer.journey!.departureTime!)]))];
}

/** All pages of an answer against every pair that connects. */
export function transferDifferences(feed: Feed, question: Question, answer: readonly Transfer[], pairs: readonly Pair[]): string[] {
  const by_legs = Map.groupBy(pairs, (pair) => legsOf(pair.first, pair.second));
  const listed: Pair[] = [];
  const wrong = answer.flatMap((transfer): string[] => {
    const [first, second] = transfer.legs;
    const name = [first, second].map((leg) => `${leg?.journey?.runId}/${leg?.journey?.fromIndex}/${leg?.journey?.toIndex}`).join(' + ');
    const pair = by_legs.get(name)?.[0];
    if (first === undefined || second === undefined || pair === undefined) return [`${name} does not connect`];
    listed.push(pair);
    const told = { wait_s: transfer.connectionS, least_s: transfer.minConnectionS, fare_fen: Number(transfer.lowestFare?.amountFen), available: transfer.available, duration_s: transfer.durationS };
    const own = { wait_s: pair.wait_s, least_s: pair.least_s, fare_fen: pair.fare_fen, available: pair.available, duration_s: (pair.second.arrive_ms - pair.first.leave_ms) / 1000 };
    return [...fieldDifferences(name, told, own), ...offerDifferences(feed, first, pair.first), ...offerDifferences(feed, second, pair.second)];
  });
  const twice = listed.flatMap((one, at) => (listed.slice(at + 1).some((other) => isEqual(one, other)) ? [`${legsOf(one.first, one.second)} is listed beside its equal`] : []));
  const bettered = listed.filter((one) => pairs.some((other) => isAsGood(other, one) && !isEqual(other, one))).map(({ first, second }) => `${legsOf(first, second)} is bettered by another`);
  const left_out = pairs.filter((one) => !listed.some((other) => isAsGood(other, one))).map(({ first, second }) => `${legsOf(first, second)} is missing`);
  const keys = listed.map(({ first, second, fare_fen }) => [{ departure: second.arrive_ms, arrival: second.arrive_ms, duration: second.arrive_ms - first.leave_ms, price: fare_fen }[question.sort]!, second.arrive_ms]);
  return [...wrong, ...twice, ...bettered, ...left_out, ...orderProblem(keys)];
}

function offerDifferences(feed: Feed, offer: TrainOffer, expected: Expected): string[] {
  const { journey } = offer;
  const trip = tripOf(feed, expected);
  const nameOf = (call: number): string => feed.places.get(trip.calls.at(call)!.station_id)!.name;
  const told = {
    train_no: journey!.trainNo, type: offer.trainType, service_date: journey!.serviceDate.replaceAll('-', ''), from: journey!.fromStationId, to: journey!.toStationId, from_index: journey!.fromIndex, to_index: journey!.toIndex,
    from_name: journey!.fromStationName, to_name: journey!.toStationName, leave_ms: timestampMs(journey!.departureTime!), arrive_ms: timestampMs(journey!.arrivalTime!), metres: Number(journey!.distanceM),
    duration_s: offer.durationS, origin: offer.originStationName, terminal: offer.terminalStationName, sale: offer.saleState, sale_start_ms: timestampMs(offer.saleStartTime!), version: offer.version,
  };
  const { from_index, to_index } = expected;
  const own = {
    train_no: trip.train_no, type: LETTERS[trip.letter], service_date: expected.run_id.slice(-8), from: trip.calls[from_index]!.station_id, to: trip.calls[to_index]!.station_id, from_index, to_index,
    from_name: nameOf(from_index), to_name: nameOf(to_index), leave_ms: expected.leave_ms, arrive_ms: expected.arrive_ms, metres: trip.calls[to_index]!.metres - trip.calls[from_index]!.metres,
    duration_s: (expected.arrive_ms - expected.leave_ms) / 1000, origin: nameOf(0), terminal: nameOf(-1), sale: SALES[expected.sale], sale_start_ms: expected.sale_start_ms, version: expected.version,
  };
  const classes = expected.classes.flatMap((one) => classDifferences(`${expected.run_id} ${one.seat_class}`, offer.classes.find(({ seatClass }) => seatClass === CLASSES[one.seat_class]), one));
  return [...fieldDifferences(expected.run_id, told, own), ...fieldDifferences(expected.run_id, { classes: offer.classes.length }, { classes: expected.classes.length }), ...classes];
}

function classDifferences(name: string, told: ClassAvailability | undefined, own: ExpectedClass): string[] {
  if (told === undefined) return [`${name} is missing`];
  const { remaining, fare, fareReduced, sameTrainChangeRemaining, sameTrainChangeStops } = told;
  return fieldDifferences(
    name,
    { left: remaining, fare_fen: Number(fare?.amountFen), reduced: fareReduced, changes: sameTrainChangeRemaining, change_at: sameTrainChangeStops.map(({ index }) => index).join() },
    { left: own.left, fare_fen: own.fare_fen, reduced: own.reduced, changes: own.changes, change_at: own.change_at.join() },
  );
}

function fieldDifferences<T extends object>(name: string, told: T, own: { [K in keyof T]: unknown }): string[] {
  return Object.keys(told).filter((key) => told[key as keyof T] !== own[key as keyof T]).map((key) => `${name}: ${key} is ${String(told[key as keyof T])}, should be ${String(own[key as keyof T])}`);
}

/** By what a list of trains is to be sorted. */
function keyOf({ sort, ...question }: Question, one: Expected | undefined): number {
  if (one === undefined) return Number.NaN;
  const price = Math.min(...askedOf(one.classes, { ...question, sort }).map(({ fare_fen }) => fare_fen));
  return { departure: one.leave_ms, arrival: one.arrive_ms, duration: one.arrive_ms - one.leave_ms, price }[sort]!;
}

/** Rows of keys must not fall; an earlier key counts for more. */
function orderProblem(rows: readonly (readonly number[])[]): string[] {
  const fall = rows.findIndex((row, at) => at > 0 && isLess(row, rows[at - 1]!));
  return fall < 0 ? [] : [`the answer is not in order at ${fall}`];
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((key, index) => key !== b[index]);
  return at >= 0 && a[at]! < b[at]!;
}

function legsOf(first: Expected, second: Expected): string {
  return [first, second].map(({ run_id, from_index, to_index }) => `${run_id}/${from_index}/${to_index}`).join(' + ');
}

const by_id = new WeakMap<Feed, Map<string, Trip>>();

function tripOf(feed: Feed, { run_id }: Expected): Trip {
  const known = by_id.get(feed) ?? new Map(feed.trips.map((trip) => [trip.trip_id, trip]));
  by_id.set(feed, known);
  return known.get(run_id.slice(0, run_id.lastIndexOf('.')))!;
}
