import type { Timetable } from '../../../timetable/model.ts';
import type { RunChange } from '../../../timetable/run_change.ts';
import type { KeptChange } from '../domain/run_changes.ts';

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

/** `revision`: of the activation. */
export type ActiveVersion = { version: string; revision: number };

/** The newest word on a run. Where it was `refused`, `taken` is the last one that was not, if there is one. */
export type ListedChange = KeptChange & { taken: RunChange | undefined; refused: string | undefined; received_ms: number };

/** Imported feeds as they came, with what they became: any replica can load any version again. */
export type TimetableStore = {
  active(): Promise<ActiveVersion | undefined>;
  /** The feed with the checksum it was kept under. */
  feedOf(version: string): Promise<{ feed: Uint8Array; checksum: string } | undefined>;
  list(): Promise<TimetableVersion[]>;
  /** Keeps the feed, once per version, and makes it the active one. */
  activate(timetable: Timetable, feed: Uint8Array, actor: Actor): Promise<TimetableVersion>;
  /** Makes a kept version active again; undefined when it is not kept. With `instead_of` only while that one is active. */
  reactivate(version: string, actor: Actor, instead_of?: string): Promise<TimetableVersion | undefined>;
  /** The version that was active before this one last became so. */
  before(version: string): Promise<string | undefined>;
};

export type ReceivedChange = { change: RunChange; refused: string | undefined };

/** What the railway says of single runs. */
export type RunChangeStore = {
  /** The greatest sequence of the railway that was received. */
  sequence(): Promise<number>;
  /** Keeps each as the newest of its run, unless a newer one is kept; a refused one beside the last that was taken. */
  keep(changes: readonly ReceivedChange[], actor: Actor): Promise<void>;
  /** In order of revision. */
  after(revision: number, limit: number): Promise<ListedChange[]>;
};

/** The railway's own timetable. */
export type Railway = {
  /**
   * The newest feed, or undefined when it is the one with this checksum (sha256 of the zip, hex). `unfit` says what arrived
   * instead of a feed. Throws FailureError when the railway does not answer in time.
   */
  fetchFeed(known_checksum: string): Promise<{ feed: Uint8Array; feed_checksum: string } | { unfit: string } | undefined>;
  /** Changes after a sequence, in its order; `unfit` of those that did not arrive as they were sent. Throws as above. */
  fetchChanges(after: number): Promise<{ changes: readonly RunChange[]; more: boolean; unfit: string | undefined }>;
};
