import { fromBinary, type DescMethod, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { GetAvailabilityRequest, GetTrainRunResponse, SearchTransfersResponse, TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { endOf } from '../app/listings.ts';
import type { Offer } from '../domain/offer.ts';
import { addDays, serviceDateAt, serviceTimeToEpoch_ms } from '#kit/base/time.ts';

/** How long a browser or an edge may keep an answer, and what ends its life here. */
export type AnswerRule = {
  /** Seconds; what is shown may be so much older than what is here. */
  max_age_s: number;
  /** Of what the answer was made, beside the timetable. */
  partsOf(answer: MessageShape<DescMessage>, request: () => MessageShape<DescMessage>, now_ms: number): AnswerParts;
};

export type AnswerParts = { run_ids: readonly string[]; ends_ms: number; lasting: boolean };

/** Changes with the timetable only, which changes about once a day. */
const TIMETABLE: AnswerRule = { max_age_s: 300, partsOf: () => ({ run_ids: [], ends_ms: Infinity, lasting: true }) };

/** Numbers: kept outside for a second, the least that HTTP can say. */
const NUMBERS_MAX_AGE_S = 1;

const RULES: Readonly<Record<string, AnswerRule>> = {
  suggestStations: TIMETABLE,
  listStations: TIMETABLE,
  quoteFares: { ...TIMETABLE, max_age_s: 60 },
  // Its handler composes the answer and tells the parts of it.
  searchTrains: { max_age_s: NUMBERS_MAX_AGE_S, partsOf: () => ({ run_ids: [], ends_ms: Infinity, lasting: false }) },
  searchTransfers: {
    max_age_s: NUMBERS_MAX_AGE_S,
    // Which journeys are shown depends on others that are not.
    partsOf: (answer, _, now_ms) => ({ ...partsOfOffers((answer as SearchTransfersResponse).transfers.flatMap(({ legs }) => legs), now_ms), lasting: false }),
  },
  getTrainRun: {
    max_age_s: NUMBERS_MAX_AGE_S,
    partsOf: (answer, _, now_ms) => {
      const run = (answer as GetTrainRunResponse).run!;
      const times = run.stops.flatMap((stop) => [stop.saleStartTime, stop.departureTime]);
      return { run_ids: [run.runId], ends_ms: firstAfter(now_ms, times, Infinity), lasting: false };
    },
  },
  getAvailability: { max_age_s: NUMBERS_MAX_AGE_S, partsOf: (_, request) => ({ run_ids: [(request() as GetAvailabilityRequest).runId], ends_ms: Infinity, lasting: false }) },
};

/** Undefined for methods whose answers are not kept. */
export function answerRuleOf({ localName }: DescMethod): AnswerRule | undefined {
  return RULES[localName];
}

export function requestOf({ input }: DescMethod, bytes: Uint8Array): () => MessageShape<DescMessage> {
  return () => fromBinary(input, bytes);
}

/** The same of offers that are no messages yet. */
export function partsOfPage(offers: readonly Offer[], now_ms: number): Omit<AnswerParts, 'lasting'> {
  const ends_ms = Math.min(endOfDay(now_ms), endOf(offers, now_ms));
  return { run_ids: offers.map(({ run }) => run.run_id), ends_ms };
}

function endOfDay(now_ms: number): number {
  return serviceTimeToEpoch_ms(addDays(serviceDateAt(now_ms), 1), 0);
}

/** A page ends when a sale on it begins, a train on it leaves, or the day ends, with which dates become past. */
function partsOfOffers(offers: readonly TrainOffer[], now_ms: number): Omit<AnswerParts, 'lasting'> {
  const times = offers.flatMap(({ journey, saleStartTime }) => [saleStartTime, journey!.departureTime]);
  return { run_ids: offers.map(({ journey }) => journey!.runId), ends_ms: firstAfter(now_ms, times, endOfDay(now_ms)) };
}

function firstAfter(now_ms: number, times: readonly (Timestamp | undefined)[], ends_ms: number): number {
  return Math.min(ends_ms, ...times.map((time) => Number(time?.seconds ?? 0n) * 1000).filter((time_ms) => time_ms > now_ms));
}
