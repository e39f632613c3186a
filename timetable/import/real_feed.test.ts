import test from 'ava';
import { seatsOfClass } from '../seats.ts';
import { fareFen } from '../rules/fares.ts';
import { importFeed } from './import.ts';
import { MAX_SEGMENTS_PER_TRAIN } from '../model.ts';

const feed_path = process.env['CHUNYUN_FEED'];
// Without the feed this is skipped, which the report shows; it never counts as passed.
const realTest = feed_path === undefined || feed_path === '' ? test.skip : test;

realTest('the real feed of CHUNYUN_FEED is imported whole', async (t) => {
  const started_ms = performance.now();
  const result = await importFeed(feed_path!);
  const took_ms = Math.round(performance.now() - started_ms);
  if (!result.ok) return t.fail(JSON.stringify(result.errors.slice(0, 5)));
  const { stations, trains } = result.value;
  const peak_mb = Math.round(process.resourceUsage().maxRSS / 1024);
  t.log(`${stations.length} stations, ${trains.length} trains in ${took_ms} ms, peak memory ${peak_mb} MB, ${result.warnings.length} warnings`);
  t.is(stations.length, 668);
  t.is(trains.length, 3_774);
  const ids = new Set(stations.map((station) => station.station_id));
  for (const train of trains) {
    t.true(train.stops.length >= 2 && train.stops.length <= MAX_SEGMENTS_PER_TRAIN + 1, train.train_no);
    for (const [at, stop] of train.stops.entries()) {
      const before = train.stops[at - 1];
      const in_order = before === undefined || (stop.arrival_s >= before.departure_s && stop.distance_m > before.distance_m);
      if (!ids.has(stop.station_id) || !in_order) t.fail(`${train.train_no} at ${stop.station_id}`);
    }
    if (seatsOfClass(train.coaches, 'second').length === 0 && train.coaches.every((c) => c.seat_class !== 'soft_sleeper')) t.fail(train.train_no);
    const fare = { train_type: train.train_type, seat_class: 'second', distance_m: train.stops.at(-1)!.distance_m, passenger_type: 'adult' } as const;
    if (fareFen(fare) <= 0) t.fail(train.train_no);
  }
});

realTest('importing the real feed twice gives the same version', async (t) => {
  const [a, b] = [await importFeed(feed_path!), await importFeed(feed_path!)];
  t.true(a.ok && b.ok && a.value.version === b.value.version);
});
