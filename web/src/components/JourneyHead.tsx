import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { clockTime, dayOf, fullDate, midnightsBetween } from '../i18n/format.ts';
import { useText } from '../i18n/LanguageProvider.tsx';

/** Train, day, and the line from departure to arrival: the same picture wherever a journey is shown. */
export function JourneyHead({ journey }: { journey: Journey }) {
  const text = useText();
  const days = midnightsBetween(journey.departureTime, journey.arrivalTime);
  const date = journey.departureTime === undefined ? journey.serviceDate : dayOf(journey.departureTime);
  return (
    <div className="journey" data-testid="journey">
      <div className="journey__end">
        <span className="journey__time">{clockTime(journey.departureTime)}</span>
        <span className="journey__station">{journey.fromStationName}</span>
      </div>
      <div className="journey__middle">
        <span className="journey__train">{journey.trainNo}</span>
        <span className="journey__line" aria-hidden="true" />
        <span className="journey__date">{fullDate(date, text)}</span>
      </div>
      <div className="journey__end journey__end--to">
        <span className="journey__time">
          {clockTime(journey.arrivalTime)}
          {days > 0 && <sup>{text.results.day_plus(days)}</sup>}
        </span>
        <span className="journey__station">{journey.toStationName}</span>
      </div>
    </div>
  );
}
