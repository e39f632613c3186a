import type { SeatClass, Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { clockTime, dayOf, midnightsBetween, shortDate, weekday } from '../../i18n/format.ts';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

type Props = { journey: Journey; seat_classes?: readonly SeatClass[]; accept_change?: boolean };

/** One ride in two lines: train and day, stations and times; and, where they are given, what of it would be taken. */
export function RideLine({ journey, seat_classes = [], accept_change = false }: Props) {
  const text = useText();
  const date = journey.departureTime === undefined ? journey.serviceDate : dayOf(journey.departureTime);
  const days = midnightsBetween(journey.departureTime, journey.arrivalTime);
  return (
    <div className="ride">
      <p className="ride__train">
        <strong>{journey.trainNo}</strong> <span>{`${shortDate(date, text)} ${weekday(date, text)}`}</span>
      </p>
      <p className="ride__stretch">
        <span className="ride__end">
          {journey.fromStationName} {journey.departureTime !== undefined && <b>{clockTime(journey.departureTime)}</b>}
        </span>{' '}
        <span className="ride__end">
          <span aria-hidden="true">→ </span>
          <span className="visually-hidden">{text.place.to} </span>
          {journey.toStationName}{' '}
          {journey.arrivalTime !== undefined && (
            <b>
              {clockTime(journey.arrivalTime)}
              {days > 0 && <sup>{text.results.day_plus(days)}</sup>}
            </b>
          )}
        </span>
      </p>
      {seat_classes.length > 0 && (
        <p className="ride__classes">
          {seat_classes.map((seat_class) => seatClassLabel(seat_class, text)).join(text.standby.or)}
          {accept_change && <span className="tag">{text.standby.change_short}</span>}
        </p>
      )}
    </div>
  );
}
