import { useParams, useSearchParams } from 'react-router';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { Api } from '../../api/api.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/booking.css';
import { PASSENGER_TYPES } from '../passengers/PassengerForm.tsx';
import { BookingForm } from './BookingForm.tsx';

export default function BookingPage() {
  const text = useText();
  const api = useApi();
  const { run_id = '' } = useParams();
  const [search] = useSearchParams();
  const ride = { run_id, from_station_id: search.get('from') ?? '', to_station_id: search.get('to') ?? '' };
  const passengerType = search.has('student') ? PassengerType.STUDENT : PassengerType.ADULT;
  const { value, error, loading, reload } = useLoad(`${run_id} ${search.toString()}`, (signal) => loadRide(api, ride, passengerType, signal));
  return (
    <div className="page booking">
      <title>{`${text.booking.title} · ${text.brand.name}`}</title>
      <h1>{text.booking.title}</h1>
      <ErrorNotice error={error} onRetry={reload} />
      {loading && value === undefined && <Skeleton rows={4} tall />}
      {value !== undefined && (
        <>
          {value.journey !== undefined && <JourneyHead journey={value.journey} />}
          <BookingForm ride={ride} offer={value} wanted_class={Number(search.get('class')) as SeatClass} student={search.has('student')} change={search.has('change')} onStale={reload} />
        </>
      )}
    </div>
  );
}

export type Ride = { run_id: string; from_station_id: string; to_station_id: string };
export type RideOffer = Awaited<ReturnType<typeof loadRide>>;

async function loadRide({ query }: Api, { run_id, from_station_id, to_station_id }: Ride, passengerType: PassengerType, signal: AbortSignal) {
  const stretch = { runId: run_id, fromStationId: from_station_id, toStationId: to_station_id };
  const [quote, availability, train] = await Promise.all([
    query.quoteFares({ ...stretch, passengerTypes: PASSENGER_TYPES }, { signal }),
    query.getAvailability({ ...stretch, passengerType }, { signal }),
    query.getTrainRun({ runId: run_id }, { signal }),
  ]);
  return { journey: quote.journey, fares: quote.fares, classes: availability.classes, coaches: train.run?.coaches ?? [] };
}
