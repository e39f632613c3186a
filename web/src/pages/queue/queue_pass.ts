import { fromJson, toJson } from '@bufbuild/protobuf';
import type { JsonValue } from '@bufbuild/protobuf';
import { JourneySchema } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';

/** The place in the queue as this tab keeps it: it survives a reload. The token is bound to the account. */
export type QueuePass = { token: string; journey: Journey | undefined; submit_ms: number; first_ahead: number; back: string };

export function saveQueuePass(storage: Storage, pass: QueuePass): void {
  const journey = pass.journey === undefined ? undefined : toJson(JourneySchema, pass.journey);
  storage.setItem(KEY, JSON.stringify({ ...pass, journey }));
}

/** Undefined when there is none or it cannot be read. */
export function readQueuePass(storage: Storage): QueuePass | undefined {
  const stored = storage.getItem(KEY);
  if (stored === null) return undefined;
  try {
    const { token, journey, submit_ms, first_ahead, back } = JSON.parse(stored) as Omit<QueuePass, 'journey'> & { journey?: JsonValue };
    return { token, submit_ms, first_ahead, back, journey: journey === undefined ? undefined : fromJson(JourneySchema, journey) };
  } catch {
    storage.removeItem(KEY);
    return undefined;
  }
}

export function hasQueuePass(storage: Storage): boolean {
  return storage.getItem(KEY) !== null;
}

export function dropQueuePass(storage: Storage): void {
  storage.removeItem(KEY);
}

const KEY = 'chunyun.queue';
