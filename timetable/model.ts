/**
 * The timetable every part of Chunyun reads: stations, trains, coaches and the days a train runs.
 * Plain data, snake_case fields, no behaviour, so that it can be cloned, hashed and compared as it is.
 */

export const TRAIN_TYPES = ['G', 'D', 'C', 'Z', 'T', 'K', 'other'] as const;
export type TrainType = (typeof TRAIN_TYPES)[number];

export const SEAT_CLASSES = [
  'business',
  'first',
  'second',
  'soft_sleeper',
  'hard_sleeper',
  'soft_seat',
  'hard_seat',
  'standing',
] as const;
export type SeatClass = (typeof SEAT_CLASSES)[number];

/** A class sold as numbered places; `standing` is only counted. */
export type NumberedSeatClass = Exclude<SeatClass, 'standing'>;

export const BERTH_LEVELS = ['lower', 'middle', 'upper'] as const;
export type BerthLevel = (typeof BERTH_LEVELS)[number];

/**
 * A run's occupied segments are one 64-bit mask in the ledger, so a train has at most 64 segments (65 stops).
 * The longest train of the real feed has 37.
 */
export const MAX_SEGMENTS_PER_TRAIN = 64;

export interface Station {
  station_id: string;
  name_zh: string;
  name_en: string;
  /** Lower-case letters without tones or spaces: `beijingnan`. */
  pinyin: string;
  /** First letters of the syllables: `bjn`. */
  pinyin_initials: string;
  city_zh: string;
  city_en: string;
  /** Empty when neither the feed nor the gazetteer knows it. */
  province: string;
  lat: number;
  lon: number;
}

/** A call at a station. Times are seconds since 00:00 Asia/Shanghai of the service date and may pass 86,400. */
export interface StopTime {
  station_id: string;
  /** 0 at the origin, then 1, 2, …, whatever numbers the feed used. A station may be called at twice. */
  stop_sequence: number;
  arrival_s: number;
  departure_s: number;
  /** Along the line since the origin; grows strictly. */
  distance_m: number;
}

/**
 * The places of one class in one coach. A coach with two classes is two entries with the same `coach_no`
 * and layouts whose rows do not meet.
 */
export interface Coach {
  coach_no: number;
  seat_class: NumberedSeatClass;
  layout_id: string;
  seat_count: number;
}

/** The days on which trains of one service start. Dates are `YYYY-MM-DD`, local to Asia/Shanghai. */
export interface ServiceCalendar {
  service_id: string;
  /** First and last date of the weekly pattern; both empty when only `added_dates` count. */
  start_date: string;
  end_date: string;
  /** Monday first, seven entries. */
  weekdays: readonly boolean[];
  added_dates: readonly string[];
  removed_dates: readonly string[];
}

export interface Train {
  train_id: string;
  /** As printed on the ticket: `G101`; a train that changes its number on the way keeps both: `D3136/D3137`. */
  train_no: string;
  train_type: TrainType;
  stops: StopTime[];
  coaches: Coach[];
  /** Standing places a run may sell over any segment: a counter, not places. */
  standing_capacity: number;
  /** Trains of one service share this object. */
  service: ServiceCalendar;
}

export interface FeedInfo {
  publisher_name: string;
  publisher_url: string;
  lang: string;
  /** The publisher's own label. Ours is `Timetable.version`. */
  feed_version: string;
  /** First and last date on which some train runs. */
  start_date: string;
  end_date: string;
}

export interface Timetable {
  /** Names the content: the same stations, trains, days and rules always have the same version. */
  version: string;
  /** sha256 in hex of the normalised content. */
  checksum: string;
  feed: FeedInfo;
  /** Which fare rule (`rules/fares.ts`) prices these trains. */
  fares_rule_version: string;
  /** Sorted by station_id. */
  stations: Station[];
  /** Sorted by train_id. */
  trains: Train[];
}
