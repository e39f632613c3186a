/** What an import may cost at most. A national feed of every train is about a tenth of these. */
export const MAX_ZIP_BYTES = 128 * 1024 * 1024;
export const MAX_ZIP_ENTRIES = 64;
/** Over all entries, as declared and as really inflated; a zip bomb ends here. */
export const MAX_UNCOMPRESSED_BYTES = 512 * 1024 * 1024;
export const MAX_RECORD_CHARACTERS = 64 * 1024;
export const MAX_COLUMNS = 128;

/** Rows per file. Files that are not named are not read at all. */
export const MAX_ROWS: Readonly<Record<string, number>> = {
  'agency.txt': 1_000,
  'feed_info.txt': 10,
  'stops.txt': 50_000,
  'routes.txt': 100_000,
  'trips.txt': 200_000,
  'stop_times.txt': 2_000_000,
  'calendar.txt': 20_000,
  'calendar_dates.txt': 500_000,
  'frequencies.txt': 100_000,
  'chunyun_stations.txt': 50_000,
  'chunyun_trains.txt': 200_000,
  'chunyun_coaches.txt': 100_000,
  'chunyun_fares.txt': 100_000,
};

/** Reading stops once this many problems are known; nobody repairs more at a time. */
export const MAX_ERRORS = 100;
export const MAX_WARNINGS = 100;

/** Three days: the longest train of the country takes two and a half. */
export const MAX_TIME_S = 96 * 3600;
/** A longer stop is most likely a wrong date; real feeds have some, so it is only a warning. */
export const MAX_DWELL_S = 12 * 3600;
/** Dates outside are mistakes, not plans. */
export const MIN_DATE = '2000-01-01';
export const MAX_DATE = '2099-12-31';
export const MAX_FEED_DAYS = 3_660;
export const MAX_ID_LENGTH = 128;
export const MAX_STANDING_CAPACITY = 10_000;
export const MAX_DISTANCE_M = 20_000_000;
