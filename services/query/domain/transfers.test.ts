import test from 'ava';
import { importFeed } from '../../../timetable/import/import.ts';
import { feedWith } from '../../../timetable/import/feed_for_tests.ts';
import { MAX_CONNECTION_MIN, minConnectionMin, OTHER_STATION_MIN, SAME_STATION_MIN } from '../../../timetable/rules/connection.ts';
import { undominated, compareTransfers, type Candidate } from './best_transfers.ts';
import { buildCatalog, type Catalog } from './catalog.ts';
import { connectionsOf, firstLegs, secondLegs } from './transfers.ts';

/** 北京南 to 武汉 or 汉口 and on to 长沙南; both middle stations are of one city, about seventeen kilometres apart. */
const STOPS = 'stop_id,stop_name,stop_lat,stop_lon\nBJ,北京南,39.865,116.379\nWH,武汉,30.607,114.425\nHK,汉口,30.617,114.255\nCS,长沙南,28.147,113.065\nCB,长沙,28.193,113.014\n';
const DATE = '2026-01-15';

type Call = [stop: string, time: string, leaves?: string];

async function network(trains: Record<string, Call[]>): Promise<Catalog> {
  const lines = Object.entries(trains).flatMap(([train, calls]) => calls.map(([stop, time, leaves = time], at) => `${train},${time}:00,${leaves}:00,${stop},${at + 1}`));
  const imported = await importFeed(await feedWith({
    'stops.txt': STOPS,
    'routes.txt': `route_id,route_short_name,route_type\n${Object.keys(trains).map((train) => `${train},${train},2`).join('\n')}\n`,
    'trips.txt': `route_id,service_id,trip_id\n${Object.keys(trains).map((train) => `${train},daily,${train}`).join('\n')}\n`,
    'stop_times.txt': `trip_id,arrival_time,departure_time,stop_id,stop_sequence\n${lines.join('\n')}\n`,
  }));
  if (!imported.ok) throw new Error(JSON.stringify(imported.errors));
  return buildCatalog(imported.value);
}

/** Each as `first second`, with where one changes. */
function found(catalog: Catalog, { from = ['BJ'], to = ['CS'], asked_min = 0 }: { from?: string[]; to?: string[]; asked_min?: number } = {}): string[] {
  const stations = (ids: string[]) => ids.map((id) => catalog.stations.get(id)!);
  const ends = { from: stations(from), to: stations(to), date: DATE };
  const firsts = firstLegs(catalog, ends);
  const seconds = secondLegs(catalog, ends, firsts);
  return firsts
    .flatMap((first) => connectionsOf(catalog, first, seconds, asked_min))
    .map(({ first, second }) => `${first.run.run_id} ${first.run.train.stops[first.to_index]!.station_id} ${second.run.train.stops[second.from_index]!.station_id} ${second.run.run_id}`);
}

test('there is time to change: at one station, between two of a city, and nobody waits for ever', async (t) => {
  const catalog = await network({
    G1: [['BJ', '08:00'], ['WH', '12:00']],
    G2: [['WH', '12:19'], ['CS', '14:00']],
    G3: [['WH', '12:20'], ['CS', '14:00']],
    G4: [['HK', '13:00'], ['CS', '15:00']],
    G5: [['HK', '13:45'], ['CS', '15:00']],
    G6: [['WH', '18:00'], ['CS', '20:00']],
    G7: [['WH', '18:01'], ['CS', '20:00']],
  });
  const [wuhan, hankou] = [catalog.stations.get('WH')!, catalog.stations.get('HK')!];
  t.is(minConnectionMin(wuhan, wuhan), SAME_STATION_MIN);
  t.true(minConnectionMin(wuhan, hankou) > 60 && minConnectionMin(wuhan, hankou) < 105);
  t.is(minConnectionMin(wuhan, hankou), minConnectionMin(hankou, wuhan));
  t.true(minConnectionMin(wuhan, hankou) > OTHER_STATION_MIN);
  t.is(MAX_CONNECTION_MIN, 360);
  const on = (train: string) => `${train}.20260115`;
  t.deepEqual(found(catalog).toSorted(), [`${on('G1')} WH HK ${on('G5')}`, `${on('G1')} WH WH ${on('G3')}`, `${on('G1')} WH WH ${on('G6')}`]);
  t.deepEqual(found(catalog, { asked_min: 21 }).toSorted(), [`${on('G1')} WH HK ${on('G5')}`, `${on('G1')} WH WH ${on('G6')}`], 'who wants more time gets it');
  t.deepEqual(found(catalog, { asked_min: 1 }).length, 3, 'and nobody gets less than the stations need');
});

test('after midnight the second train is one of the next day', async (t) => {
  const catalog = await network({ K1: [['BJ', '20:00'], ['WH', '31:30']], G2: [['WH', '08:00'], ['CS', '10:00']] });
  t.deepEqual(found(catalog), ['K1.20260115 WH WH G2.20260116']);
});

test('a train that stands long is not changed for itself, and none is left that arrives', async (t) => {
  const standing = await network({ K1: [['BJ', '08:00'], ['WH', '12:00', '12:40'], ['CS', '15:00']] });
  t.deepEqual(found(standing), []);
  const beyond = await network({ G1: [['BJ', '08:00'], ['CS', '12:00'], ['WH', '14:00']], G2: [['WH', '15:00'], ['CS', '17:00']] });
  t.deepEqual(found(beyond), [], 'the first train was there already');
  const back = await network({ G1: [['BJ', '08:00'], ['WH', '12:00']], G2: [['WH', '13:00'], ['BJ', '17:00'], ['CS', '23:00']] });
  t.deepEqual(found(back), [], 'the second train passes where it began');
});

test('nobody changes in the city where the journey ends', async (t) => {
  const catalog = await network({ G1: [['BJ', '08:00'], ['CB', '12:00']], G2: [['CB', '13:00'], ['CS', '13:10']] });
  t.deepEqual(found(catalog), []);
});

test('only what nothing else betters is left, and the best by each order is in it', (t) => {
  const candidate = (name: string, leave: number, arrive: number, fare_fen: number, available = true): Candidate => {
    const leg = (departure_s: number, arrival_s: number) => ({ run: { run_id: name, train: undefined as never, service_date: DATE }, from_index: 0, to_index: 1, departure_s, arrival_s });
    return { first: leg(leave, leave + 1), second: leg(arrive - 1, arrive), connection_s: 1800, min_connection_s: 1200, fare_fen, available };
  };
  const all = [candidate('fast', 100, 200, 900), candidate('cheap', 100, 300, 500), candidate('worse', 90, 300, 500), candidate('sold out', 150, 190, 400, false), candidate('twin', 100, 200, 900)];
  const names = (list: Candidate[]) => list.map(({ first }) => first.run.run_id);
  t.deepEqual(names(undominated(all)).toSorted(), ['cheap', 'fast', 'sold out']);
  t.deepEqual(names(undominated(all.toReversed())).toSorted(), ['cheap', 'fast', 'sold out']);
  const best = undominated(all);
  t.deepEqual(names(best.toSorted(compareTransfers('PRICE'))), ['sold out', 'cheap', 'fast']);
  t.deepEqual(names(best.toSorted(compareTransfers('ARRIVAL'))), ['sold out', 'fast', 'cheap']);
  t.deepEqual(names(best.toSorted(compareTransfers('DURATION'))), ['sold out', 'fast', 'cheap']);
});
