import type { Station } from '../model.ts';
import { stationNames } from '../rules/station_names.ts';
import type { Archive } from './archive.ts';
import { MAX_ID_LENGTH } from './limits.ts';
import type { Problems } from './problems.ts';
import { readTable } from './table.ts';
import { Cells } from './values.ts';

export interface StationsRead {
  /** Stations by id, platforms already folded into their parent. */
  stations: Map<string, Station>;
  /** Every stop_id trains may call at, to the station it belongs to. */
  station_of_stop: Map<string, string>;
}

const STOPS = 'stops.txt';
const EXTRA = 'chunyun_stations.txt';

interface Stop {
  line: number;
  location_type: string;
  parent_station: string;
  /** Undefined when the row was bad; its id still counts as known, so that one mistake is reported once. */
  station: Station | undefined;
}

/** Reads stops.txt, and chunyun_stations.txt if there is one; platforms become their parent station. */
export async function readStations(archive: Archive, problems: Problems, signal?: AbortSignal): Promise<StationsRead> {
  const stops = await readStops(archive, problems, signal);
  const read: StationsRead = { stations: new Map(), station_of_stop: new Map() };
  for (const [stop_id, stop] of stops) {
    if (stop.location_type !== '0' && stop.location_type !== '1') continue;
    const station_id = stop.parent_station === '' ? stop_id : stop.parent_station;
    const parent = stops.get(station_id);
    if (parent === undefined) {
      problems.error(STOPS, stop.line, 'unknown_reference', `parent_station ${station_id} does not exist`, 'parent_station');
      continue;
    }
    read.station_of_stop.set(stop_id, station_id);
    if (parent.station !== undefined) read.stations.set(station_id, parent.station);
  }
  if (archive.has(EXTRA)) await readExtra(archive, problems, stops, signal);
  return read;
}

async function readStops(archive: Archive, problems: Problems, signal?: AbortSignal): Promise<Map<string, Stop>> {
  const cells = new Cells(STOPS, problems);
  const stops = new Map<string, Stop>();
  const required_columns = ['stop_id', 'stop_name', 'stop_lat', 'stop_lon'];
  await readTable(archive, STOPS, problems, { required_columns, signal }, (row) => {
    const stop_id = cells.text(row, 'stop_id');
    if (stop_id === undefined) return;
    if (stops.has(stop_id)) {
      problems.error(STOPS, row.line, 'duplicate_id', `stop_id ${stop_id} appears twice`, 'stop_id');
      return;
    }
    const location_type = row.value('location_type') === '' ? '0' : row.value('location_type');
    const stop: Stop = { line: row.line, location_type, parent_station: row.value('parent_station'), station: undefined };
    stops.set(stop_id, stop);
    // Entrances, nodes and boarding areas need no name or place, and no train calls at them.
    if (location_type !== '0' && location_type !== '1') return;
    const name_zh = cells.text(row, 'stop_name');
    const lat = cells.decimal(row, 'stop_lat', -90, 90, 'bad_coordinate');
    const lon = cells.decimal(row, 'stop_lon', -180, 180, 'bad_coordinate');
    if (name_zh === undefined || lat === undefined || lon === undefined) return;
    if (Math.abs(lat) < 1 && Math.abs(lon) < 1) {
      problems.error(STOPS, row.line, 'bad_coordinate', 'latitude and longitude are both about zero', 'stop_lat');
      return;
    }
    stop.station = { station_id: stop_id, ...stationNames(name_zh, row.value('tts_stop_name')), lat, lon };
  });
  return stops;
}

const EXTRA_TEXTS = ['name_en', 'pinyin', 'pinyin_initials', 'city_zh', 'city_en'] as const;

/** Our own extension: what the rules would otherwise derive from the name. */
async function readExtra(archive: Archive, problems: Problems, stops: ReadonlyMap<string, Stop>, signal?: AbortSignal): Promise<void> {
  const cells = new Cells(EXTRA, problems);
  const seen = new Set<string>();
  const required_columns = ['stop_id', ...EXTRA_TEXTS, 'province'];
  await readTable(archive, EXTRA, problems, { required_columns, signal }, (row) => {
    const stop_id = cells.text(row, 'stop_id');
    if (stop_id === undefined) return;
    const stop = stops.get(stop_id);
    if (stop === undefined) problems.error(EXTRA, row.line, 'unknown_reference', `stop_id ${stop_id} does not exist`, 'stop_id');
    if (seen.has(stop_id)) problems.error(EXTRA, row.line, 'duplicate_id', `stop_id ${stop_id} appears twice`, 'stop_id');
    seen.add(stop_id);
    const texts = EXTRA_TEXTS.map((column) => cells.text(row, column));
    if (!/^[a-z0-9]+$/.test(row.value('pinyin'))) problems.error(EXTRA, row.line, 'bad_value', 'pinyin must be lower-case letters', 'pinyin');
    if (!/^[a-z0-9]+$/.test(row.value('pinyin_initials'))) {
      problems.error(EXTRA, row.line, 'bad_value', 'pinyin_initials must be lower-case letters', 'pinyin_initials');
    }
    const province = row.value('province').slice(0, MAX_ID_LENGTH);
    if (stop?.station === undefined || texts.includes(undefined)) return;
    for (const [at, column] of EXTRA_TEXTS.entries()) stop.station[column] = texts[at]!;
    stop.station.province = province;
  });
}
