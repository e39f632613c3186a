/** What the railway says of a run, word by word, and what follows from all of it together: whichever came first, the greater revision counts. */
import type { Journey, JourneyChange, Reason } from './order.ts';

/** An order, or a hold that may become one, that a word concerns; seats by `seatKey`. */
export type ConcernedOrder = { order_id: string; seats: string[] };

export type MovedStop = { index: number; arrival_ms?: number; departure_ms?: number };

type Word = { run_id: string; /** Of the timetable. */ revision: number; reason: Reason; /** Counted from 1: many orders come in several words. */ part: number; parts: number; orders: ConcernedOrder[] };

export type RunWord = Word & ({ kind: 'times'; /** Only those that moved. */ stops: MovedStop[] } | { kind: 'cancelled' | 'restored' | 'coaches' });

/** One change of a journey, as it is told. */
export type JourneyNews = { kind: 'CANCELLED' | 'RESTORED' | 'TIMES' | 'SEATS'; revision: number; reason: Reason; journey: Journey };

/** Whether the run is cancelled, by the last word on that. */
export function isCancelled(words: readonly RunWord[]): boolean {
  return lastOnRunning(inOrder(words, 0))?.kind === 'cancelled';
}

/** The latest arrival that was ever said; undefined where no times were moved. */
export function latestArrival_ms(words: readonly RunWord[]): number | undefined {
  const arrivals = words.flatMap((word) => (word.kind === 'times' ? word.stops.flatMap(({ arrival_ms }) => arrival_ms ?? []) : []));
  return arrivals.length === 0 ? undefined : Math.max(...arrivals);
}

/**
 * The next difference between a journey as an order has it and what these words make of it; undefined when there is none. Follows
 * from the words as a set, so that it makes no difference in which order they came, nor how often.
 */
export function nextNews(order_id: string, journey: Journey, words: readonly RunWord[]): JourneyNews | undefined {
  const newer = inOrder(words.filter(({ run_id }) => run_id === journey.run_id), journey.revision ?? 0);
  const change = journey.change ?? unchanged(journey);
  const running = lastOnRunning(newer);
  const cancelled = running === undefined ? change.cancelled : running.kind === 'cancelled';
  if (running !== undefined && cancelled !== change.cancelled) return newsOf(cancelled ? 'CANCELLED' : 'RESTORED', running, journey, { ...change, cancelled, cancelled_revision: cancelled ? running.revision : change.cancelled_revision });
  // Nobody travels by it; should it run again, what was said meanwhile counts.
  return cancelled ? undefined : (timesNews(journey, change, newer) ?? seatsNews(order_id, journey, change, newer));
}

/** A journey with all that these words make of it, for an order that was not there when they came. */
export function journeyUnder(order_id: string, journey: Journey, words: readonly RunWord[]): Journey {
  const news = nextNews(order_id, journey, words);
  return news === undefined ? journey : journeyUnder(order_id, news.journey, words);
}

function timesNews(journey: Journey, change: JourneyChange, words: readonly RunWord[]): JourneyNews | undefined {
  let { departure_ms, arrival_ms } = change.ordered;
  let last: RunWord | undefined;
  for (const word of words) {
    if (word.kind !== 'times') continue;
    const departure = stopOf(word.stops, journey.from_index)?.departure_ms;
    const arrival = stopOf(word.stops, journey.to_index)?.arrival_ms;
    if (departure !== undefined || arrival !== undefined) last = word;
    departure_ms = departure ?? departure_ms;
    arrival_ms = arrival ?? arrival_ms;
  }
  const same = departure_ms === journey.departure_ms && arrival_ms === journey.arrival_ms;
  // A train does not arrive before it leaves: a word between these has not come yet.
  return last === undefined || same || arrival_ms <= departure_ms ? undefined : newsOf('TIMES', last, { ...journey, departure_ms, arrival_ms }, change);
}

function stopOf(stops: readonly MovedStop[], index: number): MovedStop | undefined {
  return stops.find((stop) => stop.index === index);
}

/** The last word names all orders whose seats are gone; that it does not name an order is only known from all of its parts. */
function seatsNews(order_id: string, journey: Journey, change: JourneyChange, words: readonly RunWord[]): JourneyNews | undefined {
  const last = words.findLast(({ kind }) => kind === 'coaches');
  if (last === undefined) return undefined;
  const parts = words.filter(({ kind, revision }) => kind === 'coaches' && revision === last.revision);
  const named = parts.flatMap(({ orders }) => orders.filter((order) => order.order_id === order_id));
  if (named.length === 0 && parts.length < last.parts) return undefined;
  const gone = named.flatMap(({ seats }) => seats).toSorted();
  return gone.join() === change.gone.join() ? undefined : newsOf('SEATS', last, journey, { ...change, gone });
}

function newsOf(kind: JourneyNews['kind'], { revision, reason }: RunWord, journey: Journey, change: JourneyChange): JourneyNews {
  return { kind, revision, reason, journey: { ...journey, change: { ...change, reason } } };
}

function unchanged({ departure_ms, arrival_ms }: Journey): JourneyChange {
  return { ordered: { departure_ms, arrival_ms }, cancelled: false, cancelled_revision: 0, gone: [], reason: { zh: '', en: '' } };
}

function lastOnRunning(words: readonly RunWord[]): RunWord | undefined {
  return words.findLast(({ kind }) => kind === 'cancelled' || kind === 'restored');
}

function inOrder(words: readonly RunWord[], after_revision: number): RunWord[] {
  return words.filter(({ revision }) => revision > after_revision).toSorted((left, right) => left.revision - right.revision);
}
