import type { Timetable } from '../model.ts';
import { csvText } from './csv.ts';

/**
 * shapes.txt with one straight line per sequence of stops: GTFS allows `shape_dist_traveled` in stop_times.txt only
 * along a shape, and the distances, not the drawing, are what we need to carry.
 */
export function shapesOf(timetable: Timetable): { text: string; shape_of_train: Map<string, string> } {
  const places = new Map(timetable.stations.map((station) => [station.station_id, station]));
  const shape_ids = new Map<string, string>();
  const shape_of_train = new Map<string, string>();
  const rows: (string | number)[][] = [];
  for (const train of timetable.trains) {
    const key = train.stops.map((stop) => `${stop.station_id} ${stop.distance_m}`).join(',');
    let shape_id = shape_ids.get(key);
    if (shape_id === undefined) {
      shape_id = `shape-${shape_ids.size + 1}`;
      shape_ids.set(key, shape_id);
      for (const [at, stop] of train.stops.entries()) {
        const { lat, lon } = places.get(stop.station_id)!;
        rows.push([shape_id, lat, lon, at + 1, stop.distance_m]);
      }
    }
    shape_of_train.set(train.train_id, shape_id);
  }
  const columns = ['shape_id', 'shape_pt_lat', 'shape_pt_lon', 'shape_pt_sequence', 'shape_dist_traveled'];
  return { text: csvText(columns, rows), shape_of_train };
}
