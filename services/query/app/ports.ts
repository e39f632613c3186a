import type { Timetable } from '../../../timetable/model.ts';

export type TimetableVersion = {
  version: string;
  checksum: string;
  source: string;
  import_time_ms: number;
  active: boolean;
  station_count: number;
  train_count: number;
};

export type Actor = { account_id: string; service: string; device_id: string; ip: string; request_id: string };

/** Imported feeds as they came, with what they became: any replica can load any version again. */
export type TimetableStore = {
  active(): Promise<{ version: string } | undefined>;
  feedOf(version: string): Promise<Uint8Array | undefined>;
  list(): Promise<TimetableVersion[]>;
  /** Keeps the feed, once per version, and makes it the active one. */
  activate(timetable: Timetable, feed: Uint8Array, actor: Actor): Promise<TimetableVersion>;
  /** Makes a kept version active again; undefined when it is not kept. */
  reactivate(version: string, actor: Actor): Promise<TimetableVersion | undefined>;
};

/** The railway's own timetable. */
export type Railway = {
  /** The newest feed, or undefined when it is the one with this checksum (sha256 of the zip, hex). Throws FailureError when the railway does not answer. */
  fetchFeed(known_checksum: string): Promise<{ feed: Uint8Array; feed_checksum: string } | undefined>;
};
