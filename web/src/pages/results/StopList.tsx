import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { StopTime } from '#gen/rail/query/v1/query_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { clockTime } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** Where the train calls; the travelled stretch is drawn in the colour of the line. */
export function StopList({ journey }: { journey: Journey }) {
  const text = useText();
  const { query } = useApi();
  const { value, error, loading, reload } = useLoad(journey.runId, async (signal) => (await query.getTrainRun({ runId: journey.runId }, { signal })).run);
  if (loading && value === undefined) return <Skeleton rows={3} />;
  return (
    <>
      <ErrorNotice error={error} onRetry={reload} />
      {value !== undefined && (
        <table className="stops" data-testid="stop-list">
          <thead>
            <tr>
              <th scope="col">{text.results.stop}</th>
              <th scope="col">{text.results.arrive}</th>
              <th scope="col">{text.results.depart}</th>
              <th scope="col">{text.results.stay}</th>
            </tr>
          </thead>
          <tbody>
            {value.stops.map((stop) => (
              <tr key={stop.index} className={stop.index >= journey.fromIndex && stop.index <= journey.toIndex ? 'stops__travelled' : undefined}>
                <th scope="row">{stop.station?.nameZh}</th>
                <td>{stop.arrivalTime === undefined ? text.results.first : clockTime(stop.arrivalTime)}</td>
                <td>{stop.departureTime === undefined ? text.results.last : clockTime(stop.departureTime)}</td>
                <td>{stay(stop, text.results.minutes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function stay({ arrivalTime, departureTime }: StopTime, minutes: (count: number) => string): string {
  return arrivalTime === undefined || departureTime === undefined ? '—' : minutes(Math.round((timestampMs(departureTime) - timestampMs(arrivalTime)) / 60_000));
}
