import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { SearchTransfersResponse_Transfer as Transfer } from '#gen/rail/query/v1/query_pb.ts';
import { clockTime, dateAndTime, duration, midnightsBetween, price } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { TrainCard } from './TrainCard.tsx';

/** Two trains and what lies between them. Each has its own ticket, so each says what is left. */
export function TransferCard({ transfer, student }: { transfer: Transfer; student: boolean }) {
  const text = useText();
  const [first, second] = transfer.legs;
  if (first?.journey === undefined || second?.journey === undefined) return null;
  const { departureTime } = first.journey;
  const { arrivalTime } = second.journey;
  const days = midnightsBetween(departureTime, arrivalTime);
  return (
    <li className="transfer" data-testid="transfer" data-trains={`${first.journey.trainNo} ${second.journey.trainNo}`}>
      <div className="transfer__head">
        <h2 className="transfer__times">
          <time>{clockTime(departureTime)}</time> – <time>{clockTime(arrivalTime)}</time>
          {days > 0 && <sup>{text.results.day_plus(days)}</sup>}
        </h2>
        <span className="transfer__duration">{duration(transfer.durationS, text)}</span>
        <span className="transfer__fare">{text.results.fare_from(price(transfer.lowestFare))}</span>
        <span className={transfer.available ? 'transfer__state transfer__state--open' : 'transfer__state'} data-testid="transfer-state" data-available={transfer.available}>
          {transfer.available ? text.results.both_available : text.results.not_both_available}
        </span>
      </div>
      <ol className="transfer__legs">
        <TrainCard offer={first} student={student} leg />
        <li className="transfer__change" data-testid="change-of-train">
          <Change transfer={transfer} from={first.journey.toStationName} to={second.journey.fromStationName} />
          {midnightsBetween(first.journey.arrivalTime, second.journey.departureTime) > 0 && second.journey.departureTime !== undefined && (
            <span className="transfer__next-day">{text.results.leaves_at(dateAndTime(timestampMs(second.journey.departureTime)))}</span>
          )}
        </li>
        <TrainCard offer={second} student={student} leg />
      </ol>
    </li>
  );
}

function Change({ transfer, from, to }: { transfer: Transfer; from: string; to: string }) {
  const text = useText();
  const wait = duration(transfer.connectionS, text);
  if (from === to) return <span>{text.results.change_same(from, wait)}</span>;
  return <span>{text.results.change_other(from, to, wait, Math.round(transfer.minConnectionS / 60))}</span>;
}
