/** A dispatcher of the railway, who changes trains that are on sale. */
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { QueryService, type TrainRun } from '#gen/rail/query/v1/query_pb.ts';
import { serviceTimeToEpoch_ms } from '#kit/base/time.ts';
import { createClient } from '#kit/rpc/client.ts';

type Environment = Readonly<Record<string, string>>;

/** A run as the product has it now. */
export async function seeRun(env: Environment, run_id: string): Promise<TrainRun> {
  const query = createClient(QueryService, { service: 'test', address: env.QUERY_ADDRESS! });
  try {
    return (await query.getTrainRun({ runId: run_id })).run!;
  } finally {
    query.close();
  }
}

/** All of how a run differs from the timetable (timetable/run_change.ts). */
export async function dispatch(env: Environment, change: { run_id: string; [word: string]: unknown }): Promise<void> {
  const response = await fetch(`${env.RAILWAY_URL}/sandbox/run-changes`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(change) });
  if (!response.ok) throw new Error(`the railway did not take the change: ${await response.text()}`);
}

/** All stops of a run so many seconds later, in the railway's words. */
export function laterStops({ serviceDate, stops }: TrainRun, by_s: number): { stop_sequence: number; arrival_s: number; departure_s: number }[] {
  const seconds = (ms: number) => Math.round((ms - serviceTimeToEpoch_ms(serviceDate, 0)) / 1000) + by_s;
  return stops.map(({ index, arrivalTime, departureTime }) => {
    const [arrival, departure] = [arrivalTime ?? departureTime!, departureTime ?? arrivalTime!].map(timestampMs) as [number, number];
    return { stop_sequence: index, arrival_s: seconds(arrival), departure_s: seconds(departure) };
  });
}
