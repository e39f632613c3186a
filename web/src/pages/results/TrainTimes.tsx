import type { TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { clockTime, duration, midnightsBetween } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** When and where a train is boarded and left, and how long that takes. */
export function TrainTimes({ journey, offer }: { journey: Journey; offer: TrainOffer }) {
  const text = useText();
  const days = midnightsBetween(journey.departureTime, journey.arrivalTime);
  return (
    <div className="train__times">
      <div className="train__end">
        <time className="train__time">{clockTime(journey.departureTime)}</time>
        <span>
          {offer.originStationName === journey.fromStationName && <abbr className="train__mark" title={text.results.first}>{text.results.first.slice(0, 1)}</abbr>}
          {journey.fromStationName}
        </span>
      </div>
      <div className="train__span">
        <span className="train__duration">{duration(offer.durationS, text)}</span>
        <span className="train__track" aria-hidden="true" />
        {offer.stale && <span className="train__stale">{text.results.stale}</span>}
      </div>
      <div className="train__end train__end--to">
        <span className="train__time">
          <time>{clockTime(journey.arrivalTime)}</time>
          {days > 0 && <sup>{text.results.day_plus(days)}</sup>}
        </span>
        <span>
          {offer.terminalStationName === journey.toStationName && <abbr className="train__mark" title={text.results.last}>{text.results.last.slice(0, 1)}</abbr>}
          {journey.toStationName}
        </span>
      </div>
    </div>
  );
}
