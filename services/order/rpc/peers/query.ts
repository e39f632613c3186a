import { timestampMs } from '@bufbuild/protobuf/wkt';
import { QueryService, SaleState, type TrainRun as RunMessage } from '#gen/rail/query/v1/query_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { fenFromInt64 } from '#kit/base/money.ts';
import { Recent } from '#kit/base/recent.ts';
import { fail, ok, mapResult, type Result } from '#kit/base/result.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Timetable } from '../../app/peers.ts';
import type { Fare } from '../../domain/fares.ts';
import type { TrainRun } from '../../domain/sale.ts';
import { berthLevels, passengerTypes, seatClasses, wordsOf } from '../words.ts';
import { ask } from '#kit/rpc/peer.ts';
import { onBehalf } from './on_behalf.ts';

const READ_MS = 1000;
const saleStates = wordsOf(SaleState);

/** Runs and prices change with the timetable; inventory has the last word on whether a run can still be had. */
const LIFE_MS = 2000;
const KEPT_MAX = 20_000;

/** Answers are the same for everybody, so they are asked once for many. */
export function queryPeer(client: ServiceClient<typeof QueryService>): Timetable {
  const asked = askQuery(client);
  const options = { life_ms: LIFE_MS, limit: KEPT_MAX, clock: systemClock };
  // A sale that is about to open is looked at anew each time: nobody should hear of it late.
  const runs = new Recent<TrainRun>({ ...options, keep: ({ sale_state }) => sale_state === 'OPEN' });
  const fares = new Recent<Fare[]>(options);
  return {
    run: (actor, run_id) => runs.get(run_id, () => asked.run(actor, run_id)),
    quote: (actor, wanted) => fares.get(JSON.stringify(wanted), () => asked.quote(actor, wanted)),
  };
}

function askQuery(client: ServiceClient<typeof QueryService>): Timetable {
  return {
    async run(actor, run_id): Promise<Result<TrainRun>> {
      const answer = await ask(client.getTrainRun({ runId: run_id }, { ...onBehalf(actor, READ_MS), retry: { attempts: 2 } }));
      if (!answer.ok) return answer;
      return answer.value.run === undefined ? fail('TRAIN_RUN_NOT_FOUND') : ok(runOf(answer.value.run));
    },
    async quote(actor, { run_id, from_station_id, to_station_id, seat_classes, passenger_types }) {
      const request = {
        runId: run_id,
        fromStationId: from_station_id,
        toStationId: to_station_id,
        seatClasses: seat_classes.map((word) => seatClasses.to(word)),
        passengerTypes: passenger_types.map((word) => passengerTypes.to(word)),
      };
      const answer = await ask(client.quoteFares(request, { ...onBehalf(actor, READ_MS), retry: { attempts: 2 } }));
      return mapResult(answer, ({ fares }) =>
        fares.flatMap(({ seatClass, passengerType, berthLevel, fare }): Fare[] => {
          const seat_class = seatClasses.of(seatClass);
          const passenger_type = passengerTypes.of(passengerType) ?? 'ADULT';
          if (seat_class === undefined || fare === undefined) return [];
          return [{ seat_class, passenger_type, berth_level: berthLevels.of(berthLevel), fare_fen: fenFromInt64(fare.amountFen) }];
        }),
      );
    },
  };
}

function runOf(message: RunMessage): TrainRun {
  return {
    run_id: message.runId,
    train_no: message.trainNo,
    service_date: message.serviceDate,
    // A state we do not know is not on sale.
    sale_state: saleStates.of(message.saleState) ?? 'CLOSED',
    sale_start_ms: message.saleStartTime === undefined ? undefined : timestampMs(message.saleStartTime),
    revision: message.revision === 0n ? undefined : Number(message.revision),
    stops: message.stops.map(({ index, station, arrivalTime, departureTime, distanceM, saleStartTime }) => ({
      index,
      station_id: station?.stationId ?? '',
      name: station?.nameZh ?? '',
      arrival_ms: arrivalTime === undefined ? undefined : timestampMs(arrivalTime),
      departure_ms: departureTime === undefined ? undefined : timestampMs(departureTime),
      distance_m: Number(distanceM),
      sale_start_ms: saleStartTime === undefined ? undefined : timestampMs(saleStartTime),
    })),
  };
}
