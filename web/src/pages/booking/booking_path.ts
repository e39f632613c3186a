import type { Journey, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';

/** The address of a booking: all it needs to load the rest. */
export function bookingPath({ runId, fromStationId, toStationId }: Pick<Journey, 'runId' | 'fromStationId' | 'toStationId'>, seat_class: SeatClass, { student, change = false }: { student: boolean; change?: boolean }): string {
  const search = new URLSearchParams({ from: fromStationId, to: toStationId, class: String(seat_class) });
  if (student) search.set('student', '1');
  if (change) search.set('change', '1');
  return `/book/${encodeURIComponent(runId)}?${search.toString()}`;
}
