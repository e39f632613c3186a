import { createHash } from 'node:crypto';
import { z } from 'zod';
import { coachProblem } from './seats.ts';
import { SEAT_CLASSES, type Coach, type NumberedSeatClass, type Train } from './model.ts';

/** A stop of one run at other times than the timetable's; seconds of the service date, as in the timetable. */
const STOP_CHANGE = z.strictObject({
  stop_sequence: z.number().int().min(0).max(64),
  arrival_s: z.number().int().min(0).max(500_000),
  departure_s: z.number().int().min(0).max(500_000),
});

const COACH_CHANGE = z.strictObject({
  coach_no: z.number().int().min(1).max(20),
  seat_class: z.enum(SEAT_CLASSES.filter((name): name is NumberedSeatClass => name !== 'standing')),
  layout_id: z.string().max(40),
  seat_count: z.number().int().min(1).max(200),
});

/**
 * How one run differs from the timetable, all of it: the newest change of a run stands for all earlier ones, and one
 * without any difference takes them back.
 */
export const RUN_CHANGE = z.strictObject({
  run_id: z.string().regex(/^[A-Za-z0-9_-]{1,32}\.\d{8}$/),
  /** Counts the railway's changes; grows. */
  sequence: z.number().int().min(1),
  cancelled: z.boolean(),
  /** For travellers. */
  reason_zh: z.string().max(200),
  reason_en: z.string().max(200),
  stops: z.array(STOP_CHANGE).max(65),
  /** All coaches of the run; absent where they are the timetable's. */
  coaches: z.array(COACH_CHANGE).max(40).optional(),
});

export type RunChange = z.output<typeof RUN_CHANGE>;

export type ChangedTrain = { ok: true; train: Train } | { ok: false; problem: string };

/** Whether the run runs as the timetable says. */
export function isNoChange({ cancelled, stops, coaches }: RunChange): boolean {
  return !cancelled && stops.length === 0 && coaches === undefined;
}

/** The train as it runs with the change, or why it can't run so. Its days, stations and distances are never changed. */
export function changedTrain(train: Train, { stops, coaches }: RunChange): ChangedTrain {
  const moved = new Map(stops.map((stop) => [stop.stop_sequence, stop]));
  if (moved.size !== stops.length) return { ok: false, problem: 'a stop is named twice' };
  const unknown = stops.find(({ stop_sequence }) => stop_sequence >= train.stops.length);
  if (unknown !== undefined) return { ok: false, problem: `there is no stop ${unknown.stop_sequence}` };
  const timed = train.stops.map((stop) => ({ ...stop, ...moved.get(stop.stop_sequence) }));
  const late = timed.find(({ arrival_s, departure_s }, index) => departure_s < arrival_s || (index > 0 && arrival_s <= timed[index - 1]!.departure_s));
  if (late !== undefined) return { ok: false, problem: `times do not grow at stop ${late.stop_sequence}` };
  const problem = coaches === undefined ? undefined : coachesProblem(coaches);
  return problem === undefined ? { ok: true, train: { ...train, stops: timed, coaches: coaches ?? train.coaches } } : { ok: false, problem };
}

/** Sealed by both sides from the same words: what arrived is what was said. */
export function checksumOfChange({ run_id, sequence, cancelled, reason_zh, reason_en, stops, coaches }: RunChange): string {
  const words = [
    run_id, sequence, cancelled, reason_zh, reason_en,
    stops.map(({ stop_sequence, arrival_s, departure_s }) => [stop_sequence, arrival_s, departure_s]),
    coaches?.map(({ coach_no, seat_class, layout_id, seat_count }) => [coach_no, seat_class, layout_id, seat_count]) ?? null,
  ];
  return createHash('sha256').update(JSON.stringify(words)).digest('hex');
}

function coachesProblem(coaches: readonly Coach[]): string | undefined {
  if (coaches.length === 0) return 'no coach is left';
  const places = new Set(coaches.map(({ coach_no, layout_id }) => `${coach_no}/${layout_id}`));
  if (places.size !== coaches.length) return 'a coach is named twice';
  return coaches.map(coachProblem).find((problem) => problem !== undefined);
}
