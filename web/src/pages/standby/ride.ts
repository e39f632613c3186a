import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { TrainRun } from '#gen/rail/query/v1/query_pb.ts';
import { JourneySchema } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';

export type Stretch = { run_id: string; from_station_id: string; to_station_id: string };

/** A stretch of a run as pages show it; without the run what its id says (`<train>.<yyyymmdd>`). */
export function rideOf(run: TrainRun | undefined, { run_id, from_station_id, to_station_id }: Stretch): Journey {
  const from = run?.stops.find(({ station }) => station?.stationId === from_station_id);
  const to = run?.stops.find(({ station, index }) => station?.stationId === to_station_id && index > (from?.index ?? 0));
  const [train = run_id, day = ''] = run_id.split('.');
  return create(JourneySchema, {
    runId: run_id, trainNo: run?.trainNo ?? train, serviceDate: run?.serviceDate ?? `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`,
    fromStationId: from_station_id, toStationId: to_station_id, fromIndex: from?.index ?? 0, toIndex: to?.index ?? 0, departureTime: from?.departureTime, arrivalTime: to?.arrivalTime,
    fromStationName: from?.station?.nameZh ?? from_station_id, toStationName: to?.station?.nameZh ?? to_station_id,
  });
}

/** Whether its train has left; a ride of which that is not known has not. */
export function hasLeft({ departureTime }: Journey, now_ms: number): boolean {
  return departureTime !== undefined && timestampMs(departureTime) <= now_ms;
}

/** When the last of some rides leaves; undefined as long as it is known of none. */
export function lastDeparture(rides: readonly Journey[]): number | undefined {
  const times = rides.flatMap(({ departureTime }) => (departureTime === undefined ? [] : [timestampMs(departureTime)]));
  return times.length === 0 ? undefined : Math.max(...times);
}
