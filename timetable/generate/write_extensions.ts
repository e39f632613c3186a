import { BERTH_LEVELS, TRAIN_TYPES, type BerthLevel, type SeatClass, type Timetable } from '../model.ts';
import { seatClassesOf } from '../rules/coaches.ts';
import { FARES_RULE_VERSION, fareFen } from '../rules/fares.ts';
import { csvText } from './csv.ts';

/** Distances of the printed fare table; between them the rule itself is asked. */
const FARE_TABLE_KM = [20, 50, 100, 200, 300, 500, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000];

/** The files GTFS has no place for: readings and cities, trains and their coaches, fares by class. */
export function extensionFiles(timetable: Timetable): [string, string][] {
  const consists = new Map<string, { consist_id: string; coaches: Timetable['trains'][number]['coaches'] }>();
  for (const train of timetable.trains) {
    const key = JSON.stringify(train.coaches);
    if (!consists.has(key)) consists.set(key, { consist_id: `consist-${consists.size + 1}`, coaches: train.coaches });
  }
  return [
    ['chunyun_stations.txt', csvText(['stop_id', 'name_en', 'pinyin', 'pinyin_initials', 'city_zh', 'city_en', 'province'],
      timetable.stations.map((s) => [s.station_id, s.name_en, s.pinyin, s.pinyin_initials, s.city_zh, s.city_en, s.province]))],
    ['chunyun_trains.txt', csvText(['trip_id', 'train_type', 'consist_id', 'standing_capacity'],
      timetable.trains.map((t) => [t.train_id, t.train_type, consists.get(JSON.stringify(t.coaches))!.consist_id, t.standing_capacity]))],
    ['chunyun_coaches.txt', csvText(['consist_id', 'coach_no', 'seat_class', 'layout_id', 'seat_count'],
      [...consists.values()].flatMap(({ consist_id, coaches }) =>
        coaches.map((c) => [consist_id, c.coach_no, c.seat_class, c.layout_id, c.seat_count])))],
    ['chunyun_fares.txt', csvText(['rule_version', 'train_type', 'seat_class', 'berth', 'distance_km', 'amount_fen'], fareRows())],
  ];
}

function fareRows(): (string | number)[][] {
  const rows: (string | number)[][] = [];
  for (const train_type of TRAIN_TYPES) {
    for (const seat_class of [...seatClassesOf(train_type), 'standing' as const]) {
      for (const berth of berthsOf(seat_class)) {
        for (const distance_km of FARE_TABLE_KM) {
          const query = { train_type, seat_class, distance_m: distance_km * 1000, passenger_type: 'adult' as const };
          const amount_fen = fareFen(berth === undefined ? query : { ...query, berth });
          rows.push([FARES_RULE_VERSION, train_type, seat_class, berth ?? '', distance_km, amount_fen]);
        }
      }
    }
  }
  return rows;
}

/** Levels that a sleeper of the class has; soft compartments have no middle berth. */
function berthsOf(seat_class: SeatClass): (BerthLevel | undefined)[] {
  if (seat_class === 'hard_sleeper') return [...BERTH_LEVELS];
  return seat_class === 'soft_sleeper' ? ['lower', 'upper'] : [undefined];
}
