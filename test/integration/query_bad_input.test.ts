// Questions that have no answer: each is refused by the reason that names what is wrong, and nothing of it is guessed.
import test from 'ava';
import { SearchSort } from '#gen/rail/query/v1/query_pb.ts';
import { Channel, PassengerType, SeatClass, TrainType } from '#gen/rail/type/v1/journey_pb.ts';
import { addDays, serviceDateAt, toCompactDate } from '#kit/base/time.ts';
import type { RpcError } from '#kit/rpc/error.ts';
import { runsOn } from '../../timetable/calendar.ts';
import { generateTimetable } from '../../timetable/generate/generate.ts';
import { writeGtfs } from '../../timetable/generate/write_gtfs.ts';
import { serveQuery, type Served } from '../oracle/served.ts';

const timetable = generateTimetable({ seed: 1, scale: 0.5 });
const date = addDays(serviceDateAt(Date.now()), 3);
const train = timetable.trains.find((one) => runsOn(one.service, date) && one.stops[0]!.departure_s < 80_000 && one.stops.length > 3)!;
const [first, last] = [train.stops[0]!.station_id, train.stops.at(-1)!.station_id];
const station = (value: string) => ({ place: { case: 'stationId' as const, value } });
const city = (value: string) => ({ place: { case: 'cityZh' as const, value } });
const named = (value: string) => ({ place: { case: 'name' as const, value } });
const good = { from: station(first), to: station(last), date };

let served: Served;
test.before(async () => {
  served = await serveQuery(await writeGtfs(timetable), []);
});
test.after.always(() => served?.stop());

/** The reason, and the field where the refusal names one. */
async function refusal(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return 'answered';
  } catch (error) {
    const { reason, metadata } = error as RpcError;
    return [reason, metadata?.['field']].filter((part) => part !== undefined).join(' ');
  }
}

/** What both kinds of search refuse alike. */
const BAD: [what: string, request: object, refused: string][] = [
  ['no place', { from: undefined }, 'FIELD_INVALID from'],
  ['an unknown station', { from: station('NOWHERE') }, 'STATION_UNKNOWN from'],
  ['an unknown city', { to: city('亚特兰蒂斯') }, 'STATION_UNKNOWN to'],
  ['a name of nothing', { to: named('qqqq') }, 'STATION_UNKNOWN to'],
  ['half a name', { to: named('beijin') }, 'STATION_UNKNOWN to'],
  ['a name of two cities', { from: named('fuzhou') }, 'STATION_AMBIGUOUS from'],
  ['no name', { from: named('') }, 'STATION_UNKNOWN from'],
  ['a name without end', { from: named('长'.repeat(33)) }, 'FIELD_INVALID from'],
  ['a place and itself', { to: station(first) }, 'SAME_STATION'],
  ['a city and its station', { from: city('北京'), to: named('北京南') }, 'SAME_STATION'],
  ['yesterday', { date: addDays(serviceDateAt(Date.now()), -1) }, 'DATE_PAST'],
  ['beyond the window', { date: addDays(serviceDateAt(Date.now()), 15) }, 'DATE_BEYOND_SALE_WINDOW'],
  ['no date', { date: '' }, 'FIELD_INVALID date'],
  ['a day that does not exist', { date: '2026-02-30' }, 'FIELD_INVALID date'],
  ['a type of train of another world', { filter: { trainTypes: [99 as TrainType] } }, 'FIELD_INVALID filter.train_types'],
  ['no type of train', { filter: { trainTypes: [TrainType.UNSPECIFIED] } }, 'FIELD_INVALID filter.train_types'],
  ['a class of another world', { filter: { seatClasses: [99 as SeatClass] } }, 'SEAT_CLASS_UNKNOWN filter.seat_classes'],
  ['a list without end', { filter: { trainTypes: Array.from({ length: 51 }, () => TrainType.G) } }, 'FIELD_INVALID filter'],
  ['hours from late to early', { filter: { departureFromMin: 900, departureToMin: 100 } }, 'FIELD_INVALID filter'],
  ['no hours at all', { filter: { arrivalFromMin: 600, arrivalToMin: 600 } }, 'FIELD_INVALID filter'],
  ['hours of a longer day', { filter: { arrivalFromMin: 600, arrivalToMin: 1441 } }, 'FIELD_INVALID filter'],
  ['a station of another place', { filter: { fromStationIds: [last] } }, 'FIELD_INVALID filter.from_station_ids'],
  ['an unknown order', { sort: 99 as SearchSort }, 'FIELD_INVALID sort'],
  ['an unknown traveller', { passengerType: 99 as PassengerType }, 'FIELD_INVALID passenger_type'],
  ['an unknown channel', { channel: 99 as Channel }, 'FIELD_INVALID channel'],
  ['a made-up page', { pageToken: '3.forged' }, 'PAGE_TOKEN_INVALID'],
  ['a page that is no page', { pageToken: 'x'.repeat(5000) }, 'PAGE_TOKEN_INVALID'],
];

for (const [what, request, refused] of BAD) {
  test(`${what}: ${refused}`, async (t) => {
    t.is(await refusal(() => served.query.searchTrains({ ...good, ...request })), refused, 'direct');
    t.is(await refusal(() => served.query.searchTransfers({ ...good, ...request })), refused, 'with a change');
    t.is(await refusal(async () => { for await (const _ of served.query.watchAvailability({ search: { ...good, ...request, pageToken: '' } })) break; }), 'pageToken' in request ? 'answered' : refused, 'watched');
  });
}

test('pages have a size, and a token is of one search and one place in it', async (t) => {
  t.is(await refusal(() => served.query.searchTrains({ ...good, pageSize: 501 })), 'FIELD_INVALID page_size');
  t.is(await refusal(() => served.query.searchTransfers({ ...good, pageSize: 101 })), 'FIELD_INVALID page_size');
  t.is(await refusal(() => served.query.listStations({ pageSize: 1001 })), 'FIELD_INVALID page_size');
  t.is(await refusal(() => served.query.searchTransfers({ ...good, minConnectionMin: 361 })), 'FIELD_INVALID min_connection_min');
  const busy = { from: named('武汉'), to: named('长沙'), date };
  const { nextPageToken } = await served.query.searchTrains({ ...busy, pageSize: 1 });
  t.is(await refusal(() => served.query.searchTrains({ ...busy, pageSize: 1, pageToken: nextPageToken })), 'answered');
  t.is(await refusal(() => served.query.searchTrains({ ...busy, pageSize: 1, pageToken: nextPageToken.replace(/^1/, '2') })), 'PAGE_TOKEN_INVALID', 'another place');
  t.is(await refusal(() => served.query.searchTrains({ ...busy, date: addDays(date, 1), pageSize: 1, pageToken: nextPageToken })), 'PAGE_TOKEN_INVALID', 'another day');
  t.is(await refusal(() => served.query.searchTrains({ ...busy, filter: { onlyAvailable: true }, pageSize: 1, pageToken: nextPageToken })), 'PAGE_TOKEN_INVALID', 'another filter');
  t.is(await refusal(() => served.query.searchTransfers({ ...busy, pageToken: nextPageToken })), 'PAGE_TOKEN_INVALID', 'another kind of search');
  const stations = await served.query.listStations({ pageSize: 1 });
  t.is(await refusal(() => served.query.listStations({ pageSize: 1, pageToken: stations.nextPageToken.replace(/^1/, '7') })), 'PAGE_TOKEN_INVALID');
});

test('what may have been meant is said with the refusal', async (t) => {
  const candidates = async (name: string) => (await t.throwsAsync<RpcError>(() => served.query.searchTrains({ ...good, from: named(name) })))!.metadata['candidates'];
  t.deepEqual((await candidates('fuzhou'))!.split(',').toSorted(), ['city:抚州', 'city:福州']);
  t.true((await candidates('shangahi'))!.split(',').some((word) => word.startsWith('station:') && word.endsWith(':上海虹桥')));
  t.is(await candidates('qqqq'), '');
});

test('a name in full is its station, a city’s all of its stations', async (t) => {
  const to = timetable.stations.find(({ station_id }) => station_id === last)!;
  const asked = { date, pageSize: 500 };
  const [by_id, by_name] = [await served.query.searchTrains({ ...asked, from: station(first), to: station(last) }), await served.query.searchTrains({ ...asked, from: station(first), to: named(to.name_zh) })];
  t.true(by_id.offers.length > 0 && by_name.offers.length >= by_id.offers.length);
  const [by_city, by_pinyin] = [await served.query.searchTrains({ ...asked, from: city('北京'), to: city('上海') }), await served.query.searchTrains({ ...asked, from: named('Beijing'), to: named('shanghai') })];
  t.true(by_city.offers.length > 0);
  t.deepEqual(by_pinyin.offers, by_city.offers);
});

test('suggestions, fares and runs refuse what they cannot mean', async (t) => {
  const run = { runId: `${train.train_id}.${toCompactDate(date)}`, fromStationId: first, toStationId: last };
  t.is(await refusal(() => served.query.suggestStations({ text: '' })), 'FIELD_INVALID text');
  t.is(await refusal(() => served.query.suggestStations({ text: 'x'.repeat(33) })), 'FIELD_INVALID text');
  t.is(await refusal(() => served.query.suggestStations({ text: 'x', limit: 21 })), 'FIELD_INVALID limit');
  t.is(await refusal(() => served.query.quoteFares(run)), 'answered');
  t.is(await refusal(() => served.query.quoteFares({ ...run, passengerTypes: [99 as PassengerType] })), 'FIELD_INVALID passenger_types');
  t.is(await refusal(() => served.query.quoteFares({ ...run, seatClasses: [99 as SeatClass] })), 'SEAT_CLASS_UNKNOWN seat_classes');
  t.is(await refusal(() => served.query.quoteFares({ ...run, fromStationId: last, toStationId: first })), 'STOPS_NOT_ON_RUN');
  t.is(await refusal(() => served.query.quoteFares({ ...run, fromStationId: 'NOWHERE' })), 'STATION_UNKNOWN from_station_id');
  t.is(await refusal(() => served.query.quoteFares({ ...run, toStationId: first })), 'SAME_STATION');
  t.is(await refusal(() => served.query.getAvailability({ ...run, passengerType: 99 as PassengerType })), 'FIELD_INVALID passenger_type');
  t.is(await refusal(() => served.query.getTrainRun({ runId: 'G0.20260101' })), 'TRAIN_RUN_NOT_FOUND');
});
