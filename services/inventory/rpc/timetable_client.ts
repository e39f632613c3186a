import { timestampMs } from '@bufbuild/protobuf/wkt';
import { QueryService, RunChangeState, SaleState, type TrainRun } from '#gen/rail/query/v1/query_pb.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { TimetableSource } from '../app/ports.ts';
import type { RunCoach } from '../domain/layout.ts';
import type { RunPlan } from '../domain/run.ts';
import { classFromMessage } from '../wire/seat_message.ts';

const STREAM_TIMEOUT_MS = 120_000;
const CHANGES_PAGE = 200;

/** The timetable of the query service. */
export function timetableClient(client: ServiceClient<typeof QueryService>): TimetableSource {
  return {
    async *runs(service_date, run_ids, except_run_ids) {
      const stream = client.streamTrainRuns({ serviceDate: service_date, runIds: [...run_ids], exceptRunIds: [...except_run_ids] }, { timeout_ms: STREAM_TIMEOUT_MS });
      for await (const { run } of stream) if (run !== undefined) yield planOf(run);
    },
    async changes(after_revision) {
      const { changes, timetableRevision } = await client.listRunChanges({ afterRevision: BigInt(after_revision), pageSize: CHANGES_PAGE });
      // What query refused changes nothing.
      const applied = changes.filter(({ state }) => state !== RunChangeState.REFUSED);
      return {
        runs: new Map(applied.map(({ runId, revision }) => [runId, Number(revision)])),
        revision: Number(changes.at(-1)?.revision ?? after_revision),
        timetable_revision: Number(timetableRevision),
      };
    },
    async *plans(run_ids) {
      const stream = client.streamTrainRuns({ runIds: [...run_ids], tellMissing: true }, { timeout_ms: STREAM_TIMEOUT_MS });
      for await (const { run, missingRunId, revision } of stream) {
        if (run !== undefined) yield planOf(run);
        else if (missingRunId !== '') yield { missing: missingRunId, revision: Number(revision) };
      }
    },
  };
}

function planOf(run: TrainRun): RunPlan {
  return {
    run_id: run.runId,
    train_id: run.trainId,
    service_date: run.serviceDate,
    timetable_version: run.timetableVersion,
    stops: run.stops.map((stop) => ({
      station_id: stop.station?.stationId ?? '',
      arrival_ms: stop.arrivalTime === undefined ? undefined : timestampMs(stop.arrivalTime),
      departure_ms: stop.departureTime === undefined ? undefined : timestampMs(stop.departureTime),
    })),
    coaches: run.coaches.map(coachOf),
    standing_capacity: run.standingCapacity,
    sale_start_ms: run.saleStartTime === undefined ? 0 : timestampMs(run.saleStartTime),
    revision: Number(run.revision),
    cancelled: run.saleState === SaleState.CANCELLED,
    reason: { zh: run.changeReasonZh, en: run.changeReasonEn },
  };
}

/** A class we don't know makes the layout unusable, so the run is refused and reported. */
function coachOf({ coachNo, seatClass, layoutId, seatCount, quiet }: TrainRun['coaches'][number]): RunCoach {
  const seat_class = classFromMessage(seatClass);
  const layout_id = seat_class === undefined || seat_class === 'standing' ? `unknown class ${seatClass}` : layoutId;
  return { coach_no: Number(coachNo), seat_class: (seat_class ?? 'second') as RunCoach['seat_class'], layout_id, seat_count: seatCount, quiet };
}
