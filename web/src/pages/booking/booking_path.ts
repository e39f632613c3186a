import type { Journey, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';

/** The address of a booking: all it needs to load the rest. */
export function bookingPath({ runId, fromStationId, toStationId }: Journey, seat_class: SeatClass, student: boolean): string {
  const search = new URLSearchParams({ from: fromStationId, to: toStationId, class: String(seat_class) });
  if (student) search.set('student', '1');
  return `/book/${encodeURIComponent(runId)}?${search.toString()}`;
}
