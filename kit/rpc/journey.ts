/** A ride as contracts and events have it, and back. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Journey as JourneyMessage, JourneySchema } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#kit/base/journey.ts';

/** The contract has whole metres. */
export function journeyMessage(journey: Journey) {
  return {
    runId: journey.run_id,
    trainNo: journey.train_no,
    serviceDate: journey.service_date,
    fromStationId: journey.from_station_id,
    toStationId: journey.to_station_id,
    fromIndex: journey.from_index,
    toIndex: journey.to_index,
    departureTime: timestampFromMs(journey.departure_ms),
    arrivalTime: timestampFromMs(journey.arrival_ms),
    fromStationName: journey.from_station_name,
    toStationName: journey.to_station_name,
    distanceM: BigInt(Math.round(journey.distance_m)),
  } satisfies MessageInitShape<typeof JourneySchema>;
}

/** Times that the message does not have are 0. */
export function journeyFrom(message: JourneyMessage): Journey {
  return {
    run_id: message.runId,
    train_no: message.trainNo,
    service_date: message.serviceDate,
    from_station_id: message.fromStationId,
    to_station_id: message.toStationId,
    from_index: message.fromIndex,
    to_index: message.toIndex,
    departure_ms: message.departureTime === undefined ? 0 : timestampMs(message.departureTime),
    arrival_ms: message.arrivalTime === undefined ? 0 : timestampMs(message.arrivalTime),
    from_station_name: message.fromStationName,
    to_station_name: message.toStationName,
    distance_m: Number(message.distanceM),
  };
}
