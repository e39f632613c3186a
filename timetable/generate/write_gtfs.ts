import { Buffer } from 'node:buffer';
import { ZipFile } from 'yazl';
import type { Timetable, Train } from '../model.ts';
import { compareText } from '../checksum.ts';
import { csvText } from './csv.ts';
import { extensionFiles } from './write_extensions.ts';
import { shapesOf } from './write_shapes.ts';

/** Zip entries carry this time, so that the same timetable is the same bytes whenever it is written. */
const ENTRY_TIME = new Date(Date.UTC(2026, 0, 1));
const AGENCY_ID = 'chunyun';
/** Rail. The extended types (101) would keep validators from judging speeds. */
const ROUTE_TYPE_RAIL = 2;

/**
 * A timetable as a GTFS zip that `importFeed` reads back to an equal timetable. The standard files hold all that the
 * standard knows; our own facts are in `chunyun_*.txt`, which GTFS readers ignore. Deterministic to the byte.
 */
export async function writeGtfs(timetable: Timetable): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, text] of gtfsFiles(timetable)) {
    zip.addBuffer(Buffer.from(text), name, { mtime: ENTRY_TIME, mode: 0o100644, forceDosTimestamp: true });
  }
  zip.end();
  const pieces: Buffer[] = [];
  for await (const piece of zip.outputStream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** The text files of the feed by name, in the order they are written. */
export function gtfsFiles(timetable: Timetable): Map<string, string> {
  const { feed } = timetable;
  const names = new Map(timetable.stations.map((station) => [station.station_id, station.name_zh]));
  const shapes = shapesOf(timetable);
  return new Map([
    ['agency.txt', csvText(['agency_id', 'agency_name', 'agency_url', 'agency_timezone', 'agency_lang'],
      [[AGENCY_ID, feed.publisher_name, feed.publisher_url, 'Asia/Shanghai', feed.lang]])],
    ['feed_info.txt', csvText(
      ['feed_publisher_name', 'feed_publisher_url', 'feed_lang', 'feed_start_date', 'feed_end_date', 'feed_version', 'feed_contact_url'],
      [[feed.publisher_name, feed.publisher_url, feed.lang, gtfsDate(feed.start_date), gtfsDate(feed.end_date), feed.feed_version, feed.publisher_url]])],
    ['stops.txt', csvText(['stop_id', 'stop_name', 'tts_stop_name', 'stop_lat', 'stop_lon', 'stop_timezone', 'location_type'],
      timetable.stations.map((s) => [s.station_id, s.name_zh, s.pinyin, s.lat, s.lon, 'Asia/Shanghai', 0]))],
    ['routes.txt', csvText(['route_id', 'agency_id', 'route_short_name', 'route_long_name', 'route_type'],
      timetable.trains.map((t) => [t.train_id, AGENCY_ID, t.train_no, endsOf(t, names), ROUTE_TYPE_RAIL]))],
    ['trips.txt', csvText(['route_id', 'service_id', 'trip_id', 'trip_short_name', 'trip_headsign', 'shape_id'],
      timetable.trains.map((t) => [t.train_id, t.service.service_id, t.train_id, t.train_no, names.get(t.stops.at(-1)!.station_id)!, shapes.shape_of_train.get(t.train_id)!]))],
    ['stop_times.txt', csvText(['trip_id', 'arrival_time', 'departure_time', 'stop_id', 'stop_sequence', 'shape_dist_traveled', 'timepoint'],
      timetable.trains.flatMap((t) => t.stops.map((stop) =>
        [t.train_id, gtfsTime(stop.arrival_s), gtfsTime(stop.departure_s), stop.station_id, stop.stop_sequence + 1, stop.distance_m, 1])))],
    ['shapes.txt', shapes.text],
    ...calendarFiles(timetable),
    ...extensionFiles(timetable),
  ]);
}

/** `25:10:00`: hours run on past midnight. */
export function gtfsTime(time_s: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(time_s / 3600))}:${two(Math.floor(time_s / 60) % 60)}:${two(time_s % 60)}`;
}

function gtfsDate(date: string): string {
  return date.replaceAll('-', '');
}

function endsOf(train: Train, names: ReadonlyMap<string, string>): string {
  return `${names.get(train.stops[0]!.station_id)}—${names.get(train.stops.at(-1)!.station_id)}`;
}

const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

function calendarFiles(timetable: Timetable): [string, string][] {
  const services = [...new Map(timetable.trains.map((train) => [train.service.service_id, train.service])).values()]
    .toSorted((a, b) => compareText(a.service_id, b.service_id));
  const weekly = services.filter((service) => service.weekdays.includes(true));
  const files: [string, string][] = [
    ['calendar.txt', csvText(['service_id', ...WEEKDAYS, 'start_date', 'end_date'],
      weekly.map((s) => [s.service_id, ...s.weekdays.map(Number), gtfsDate(s.start_date), gtfsDate(s.end_date)]))],
  ];
  const exceptions = services.flatMap((service) => [
    ...service.added_dates.map((date) => [service.service_id, gtfsDate(date), 1]),
    ...service.removed_dates.map((date) => [service.service_id, gtfsDate(date), 2]),
  ]);
  if (exceptions.length > 0) files.push(['calendar_dates.txt', csvText(['service_id', 'date', 'exception_type'], exceptions)]);
  return files;
}
