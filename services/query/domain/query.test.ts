import fc from 'fast-check';
import test from 'ava';
import { serviceDateAt, addDays } from '#kit/base/time.ts';
import { generateTimetable } from '../../../timetable/generate/generate.ts';
import { runsOn } from '../../../timetable/calendar.ts';
import { arrivalMs, buildCatalog, departureMs, findRun, runId } from './catalog.ts';
import { compareOffers, matches, within } from './filter.ts';
import { fareOf, isStandbyAllowed, offerOf } from './offer.ts';
import { nextToken, pageOf } from './page.ts';
import { isNewer, pairIndex, RemainingTable } from './remaining.ts';
import { boardingDate, checkTravelDate, firstSaleStartMs, saleStartMs, saleStateOf, saleStateOfRun } from './sale.ts';
import { saleTimeMin } from '../../../timetable/rules/sale_times.ts';
import { searchDirect } from './search.ts';

const timetable = generateTimetable({ seed: 7, scale: 0.05 });
const catalog = buildCatalog(timetable);
const TODAY = '2026-06-10';
const NOW_MS = Date.parse(`${TODAY}T09:00:00+08:00`);
const none = { train_types: [], seat_classes: [], departure: undefined, arrival: undefined, only_available: false };
const context = { buyer: { channel: 'web' as const, passenger_type: 'adult' as const }, now_ms: NOW_MS, remainingOf: () => undefined, isStale: () => false };

test('pairs of stops fill the triangle without gap or overlap', (t) => {
  for (const stops of [2, 3, 5, 17, 65]) {
    const seen: number[] = [];
    for (let from = 0; from < stops; from++) for (let to = from + 1; to < stops; to++) seen.push(pairIndex(stops, from, to));
    t.deepEqual(seen, Array.from({ length: (stops * (stops - 1)) / 2 }, (_, index) => index));
  }
});

test('a search finds exactly the trains that a look at every train finds', (t) => {
  const places = [...catalog.stations_of_city.values(), ...timetable.stations.map((station) => [station])];
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.constantFrom(...places), fc.integer({ min: 0, max: 14 }), (from, to, day) => {
      const date = addDays(TODAY, day);
      const found = new Map(searchDirect(catalog, from, to, date).map((one) => [one.run.train.train_id, one]));
      const [from_ids, to_ids] = [new Set(from.map((one) => one.station_id)), new Set(to.map((one) => one.station_id))];
      for (const train of timetable.trains) {
        // Any pair of calls in the right order, boarded on the asked day, makes the train an answer.
        const possible = train.stops.some((a, i) => from_ids.has(a.station_id) && train.stops.some((b, j) => j > i && to_ids.has(b.station_id)));
        const one = found.get(train.train_id);
        if (one === undefined) {
          if (!possible) continue;
          const boardings = train.stops.filter((a, i) => from_ids.has(a.station_id) && train.stops.some((b, j) => j > i && to_ids.has(b.station_id)));
          // Left out only because it does not leave on that day.
          if (boardings.every((stop) => runsOn(train.service, addDays(date, -Math.floor(stop.departure_s / 86_400))))) return false;
          continue;
        }
        if (!possible || one.from_index >= one.to_index) return false;
        if (serviceDateAt(departureMs(one.run, one.from_index)) !== date || !runsOn(train.service, one.run.service_date)) return false;
        if (!from_ids.has(train.stops[one.from_index]!.station_id) || !to_ids.has(train.stops[one.to_index]!.station_id)) return false;
      }
      return true;
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test('run ids lead back to their run, and to nothing else', (t) => {
  const train = timetable.trains.find((one) => runsOn(one.service, TODAY))!;
  t.is(findRun(catalog, runId(train, TODAY))?.train, train);
  for (const text of ['', '.', 'x.20260610', `${train.train_id}`, `${train.train_id}.20261399`, `${train.train_id}.`]) t.is(findRun(catalog, text), undefined);
});

test('sale opens at the time of the station, and closes when the train leaves the stop', (t) => {
  const train = timetable.trains.find((one) => runsOn(one.service, TODAY) && one.stops[0]!.departure_s > 10 * 3600)!;
  const run = { run_id: runId(train, TODAY), train, service_date: TODAY };
  t.is(saleStateOf(run, 0, NOW_MS, true), 'OPEN');
  t.is(saleStateOf(run, 0, NOW_MS, undefined), 'BEFORE');
  t.is(saleStateOf(run, 0, NOW_MS, false), 'CLOSED');
  t.is(saleStateOf(run, 0, departureMs(run, 0), true), 'CLOSED');
  t.true(arrivalMs(run, 1) > departureMs(run, 0));
  const first_day_ms = Date.parse('2026-05-27T00:00:00+08:00');
  const starts = train.stops.slice(0, -1).map(({ station_id }) => first_day_ms + saleTimeMin(station_id) * 60_000);
  for (const [index, start_ms] of starts.entries()) {
    t.is(saleStartMs(run, index), start_ms);
    t.is(saleStateOf(run, index, start_ms - 1, true), 'BEFORE');
    t.is(saleStateOf(run, index, start_ms, true), 'OPEN');
  }
  t.is(firstSaleStartMs(run), Math.min(...starts));
  t.is(saleStateOfRun(run, Math.min(...starts), true), 'OPEN');
  t.is(saleStateOfRun(run, Math.min(...starts) - 1, true), 'BEFORE');
});

test('who boards after midnight buys from the day on which others may buy for that day', (t) => {
  const train = timetable.trains.find((one) => one.stops.slice(0, -1).some(({ departure_s }) => departure_s >= 86_400))!;
  const index = train.stops.findIndex(({ departure_s }) => departure_s >= 86_400);
  const run = { run_id: runId(train, TODAY), train, service_date: TODAY };
  t.is(boardingDate(run, index), serviceDateAt(departureMs(run, index)));
  t.is(serviceDateAt(saleStartMs(run, index)), addDays(boardingDate(run, index), -14));
});

test('students pay less in their season, in some classes, and children always', (t) => {
  const train = timetable.trains.find((one) => one.train_type === 'G')!;
  const fareOn = (service_date: string, passenger_type: 'adult' | 'child' | 'student', seat_class: 'second' | 'first') =>
    fareOf({ run: { run_id: '', train, service_date }, from_index: 0, to_index: 1 }, seat_class, passenger_type);
  const [adult, first] = [fareOn('2026-06-10', 'adult', 'second'), fareOn('2026-06-10', 'adult', 'first')];
  for (const date of ['2026-06-01', '2026-09-30', '2026-12-01', '2027-01-01', '2027-03-31']) {
    t.true(fareOn(date, 'student', 'second') < adult, date);
    t.is(fareOn(date, 'student', 'first'), first, date);
  }
  for (const date of ['2026-05-31', '2026-10-01', '2026-11-30', '2027-04-01']) {
    t.is(fareOn(date, 'student', 'second'), adult, date);
    t.true(fareOn(date, 'child', 'second') < adult, date);
  }
});

test('one may wait for a seat that is sold out while its train is on sale, and for nothing else', (t) => {
  const asked = (sale_state: 'BEFORE' | 'OPEN' | 'CLOSED' | 'CANCELLED', remaining: number, seat_class: 'second' | 'standing' = 'second') => isStandbyAllowed({ sale_state }, { seat_class, remaining });
  t.true(asked('OPEN', 0));
  t.deepEqual([asked('OPEN', 1), asked('OPEN', 0, 'standing'), asked('BEFORE', 0), asked('CLOSED', 0), asked('CANCELLED', 0)], [false, false, false, false, false]);
});

test('travel dates are those of the sale window in China, whatever zone the machine is in', (t) => {
  t.true(checkTravelDate(TODAY, NOW_MS).ok);
  t.true(checkTravelDate('2026-06-24', NOW_MS).ok);
  const reasonOf = (date: string, now_ms = NOW_MS) => {
    const checked = checkTravelDate(date, now_ms);
    return checked.ok ? 'ok' : checked.error.reason;
  };
  t.is(reasonOf('2026-06-09'), 'DATE_PAST');
  t.is(reasonOf('2026-06-25'), 'DATE_BEYOND_SALE_WINDOW');
  t.is(reasonOf('2026-6-11'), 'FIELD_INVALID');
  t.is(reasonOf('2026-06-10', Date.parse('2026-06-10T16:00:00Z')), 'DATE_PAST', 'midnight in China has passed');
});

test('the newest state of a run wins in whatever order states come', (t) => {
  const state = (epoch: number, version: bigint) => ({ run_id: 'r', bucket: 1, epoch, version, open: true, classes: new Map() });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.bigInt({ min: 1n, max: 5n })), { minLength: 1 }), (pairs) => {
      const table = new RemainingTable();
      for (const [epoch, version] of pairs) table.put(state(epoch, version));
      const kept = table.get('r')!;
      return pairs.every(([epoch, version]) => !isNewer({ epoch, version }, kept));
    }),
  );
  t.pass();
});

test('pages of a search hold each offer once, and a foreign token is refused', (t) => {
  const offers = searchDirect(catalog, timetable.stations.slice(0, 40), timetable.stations.slice(40), TODAY).map((found) => offerOf(found, context)).toSorted(compareOffers('DEPARTURE', none));
  const seen: string[] = [];
  let token = '';
  do {
    const page = pageOf(3, token, 'this search', { fallback: 10, max: 50 });
    if (!page.ok) return t.fail();
    seen.push(...offers.slice(page.value.offset, page.value.offset + page.value.size).map((offer) => offer.run.run_id));
    token = nextToken(page.value, offers.length, 'this search');
  } while (token !== '');
  t.deepEqual(seen, offers.map((offer) => offer.run.run_id));
  const foreign = pageOf(3, '3.abc', 'this search', { fallback: 10, max: 50 });
  t.false(foreign.ok);
  const second = nextToken({ offset: 0, size: 3 }, offers.length, 'this search');
  t.true(pageOf(3, second, 'this search', { fallback: 10, max: 50 }).ok);
  for (const forged of [second.replace(/^3/, '2'), second.replace(/^3/, '03'), `${second}x`, second.slice(0, -1), '3.', '.', 'x']) t.false(pageOf(3, forged, 'this search', { fallback: 10, max: 50 }).ok, forged);
  t.false(pageOf(51, '', 'x', { fallback: 10, max: 50 }).ok);
});

test('hours begin with their first minute and end before their last', (t) => {
  const at = (time: string) => within({ from_min: 600, to_min: 720 }, Date.parse(`${TODAY}T${time}+08:00`));
  t.deepEqual(['09:59:59', '10:00:00', '11:59:59', '12:00:00'].map(at), [false, true, true, false]);
});

test('every set filter must hold', (t) => {
  const offers = searchDirect(catalog, timetable.stations.slice(0, 60), timetable.stations.slice(60), TODAY).map((found) => offerOf(found, context));
  t.is(offers.filter((offer) => matches(offer, none)).length, offers.length);
  t.is(offers.filter((offer) => matches(offer, { ...none, only_available: true })).length, 0, 'nothing is on sale');
  for (const offer of offers.filter((one) => matches(one, { ...none, train_types: ['G'], departure: { from_min: 600, to_min: 720 } }))) {
    t.is(offer.run.train.train_type, 'G');
    const minute = ((offer.departure_ms + 8 * 3_600_000) % 86_400_000) / 60_000;
    t.true(minute >= 600 && minute < 720);
  }
});
