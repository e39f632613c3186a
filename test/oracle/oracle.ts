// The oracle: what every answer of the query service must be, from the raw GTFS files and what inventory tells, by brute force.
//
//     const oracle = await openOracle(zip, stockOf);
//     const question = drawQuestion(random, oracle.feed, dates);
//     const { offers, asOf } = await query.searchTrains(requestOf(question));           // and all further pages
//     wrong += oracle.judgeTrains(question, offers, timestampMs(asOf!)).length;
import type { SearchTransfersResponse_Transfer as Transfer, TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { pairsOf } from './changes.ts';
import { trainDifferences, transferDifferences } from './compare.ts';
import { dayOf, textOf } from './days.ts';
import { directTrains, type StockOf } from './direct.ts';
import { readFeed, type Feed, type Trip } from './feed.ts';
import type { Question } from './question.ts';

export type Oracle = {
  feed: Feed;
  /** The runs of a service date. */
  runsOf(date: string): { run_id: string; trip: Trip }[];
  /** In words, what all pages of an answer of SearchTrains that was made at `now_ms` say wrongly. */
  judgeTrains(question: Question, offers: readonly TrainOffer[], now_ms: number): string[];
  /** The same of SearchTransfers; `asked_min` is its `min_connection_min`. */
  judgeTransfers(question: Question, transfers: readonly Transfer[], now_ms: number, asked_min: number): string[];
};

/** `stockOf` says what inventory told of a run, undefined for a run that it never told of. */
export async function openOracle(zip: Uint8Array, stockOf: StockOf): Promise<Oracle> {
  const feed = await readFeed(zip);
  return {
    feed,
    runsOf: (date) => feed.trips.filter((trip) => trip.runsOn(dayOf(date))).map((trip) => ({ run_id: `${trip.trip_id}.${textOf(dayOf(date))}`, trip })),
    judgeTrains: (question, offers, now_ms) => trainDifferences(feed, question, offers, directTrains(feed, stockOf, question, now_ms)),
    judgeTransfers: (question, transfers, now_ms, asked_min) => transferDifferences(feed, question, transfers, pairsOf(feed, stockOf, question, now_ms, asked_min)),
  };
}
