import type { JourneyChange } from '#gen/rail/order/v1/order_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { clockTime, dateAndTime, dayOf, fullDate, midnightsBetween } from '../i18n/format.ts';
import { useText } from '../i18n/LanguageProvider.tsx';

/** Train, day, and the line from departure to arrival: the same picture wherever a journey is shown. Times that were ordered and are not so any more are struck out. */
export function JourneyHead({ journey, change }: { journey: Journey; change?: JourneyChange | undefined }) {
  const text = useText();
  const days = midnightsBetween(journey.departureTime, journey.arrivalTime);
  const date = journey.departureTime === undefined ? journey.serviceDate : dayOf(journey.departureTime);
  return (
    <div className="journey" data-testid="journey">
      <div className="journey__end">
        <span className="journey__time">{clockTime(journey.departureTime)}</span>
        <Was time={change?.orderedDepartureTime} now={journey.departureTime} />
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
        <Was time={change?.orderedArrivalTime} now={journey.arrivalTime} />
        <span className="journey__station">{journey.toStationName}</span>
      </div>
    </div>
  );
}

function Was({ time, now }: { time: Timestamp | undefined; now: Timestamp | undefined }) {
  const text = useText();
  if (time === undefined) return null;
  const same_day = now !== undefined && dayOf(now) === dayOf(time);
  return (
    <del className="journey__was" aria-label={text.order.change.was(dateAndTime(time))} data-testid="journey-was">
      {same_day ? clockTime(time) : dateAndTime(time)}
    </del>
  );
}
