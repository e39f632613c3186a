import { createHash } from 'node:crypto';
import type { FeedInfo, ServiceCalendar, Station, Timetable, Train } from './model.ts';
import { FARES_RULE_VERSION } from './rules/fares.ts';

/**
 * A timetable from its parts: sorts stations and trains and names the content. The order of rows in a feed, its file
 * names and its publisher's labels do not change the version; any station, time, coach, day or fare rule does.
 */
export function timetableOf(feed: FeedInfo, stations: readonly Station[], trains: readonly Train[]): Timetable {
  const sorted_stations = stations.toSorted((a, b) => compareText(a.station_id, b.station_id));
  const sorted_trains = trains.toSorted((a, b) => compareText(a.train_id, b.train_id));
  const checksum = checksumOf(sorted_stations, sorted_trains);
  return {
    version: `tt-${checksum.slice(0, 16)}`,
    checksum,
    feed,
    fares_rule_version: FARES_RULE_VERSION,
    stations: sorted_stations,
    trains: sorted_trains,
  };
}

/** By code unit, the same on every machine whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Lines of JSON arrays, one a record, so that no field can be mistaken for another. */
function checksumOf(stations: readonly Station[], trains: readonly Train[]): string {
  const hash = createHash('sha256');
  const line = (...fields: unknown[]): unknown => hash.update(`${JSON.stringify(fields)}\n`);
  line('chunyun-timetable-1', FARES_RULE_VERSION);
  for (const s of stations) {
    line('S', s.station_id, s.name_zh, s.name_en, s.pinyin, s.pinyin_initials, s.city_zh, s.city_en, s.province, s.lat, s.lon);
  }
  const services = new Map<string, ServiceCalendar>(trains.map((train) => [train.service.service_id, train.service]));
  for (const id of [...services.keys()].toSorted(compareText)) {
    const c = services.get(id)!;
    line('C', id, c.start_date, c.end_date, c.weekdays, c.added_dates, c.removed_dates);
  }
  for (const t of trains) {
    line('T', t.train_id, t.train_no, t.train_type, t.service.service_id, t.standing_capacity);
    line(t.stops.map((stop) => [stop.station_id, stop.stop_sequence, stop.arrival_s, stop.departure_s, stop.distance_m]));
    line(t.coaches.map((entry) => [entry.coach_no, entry.seat_class, entry.layout_id, entry.seat_count]));
  }
  return hash.digest('hex');
}
