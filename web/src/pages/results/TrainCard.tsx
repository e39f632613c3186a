import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Fragment, useId, useState } from 'react';
import { Link } from 'react-router';
import { SaleState } from '#gen/rail/query/v1/query_pb.ts';
import type { ClassAvailability, TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { clockTime, dateAndTime, duration, midnightsBetween, price } from '../../i18n/format.ts';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import type { Dictionary } from '../../i18n/zh.ts';
import { bookingPath } from '../booking/booking_path.ts';
import { cellState, changeStops } from './filter.ts';
import { StopList } from './StopList.tsx';

/** One train: when, how long, what is left in each class and at what price. */
export function TrainCard({ offer, student }: { offer: TrainOffer; student: boolean }) {
  const text = useText();
  const id = useId();
  const [open, setOpen] = useState(false);
  const { journey } = offer;
  if (journey === undefined) return null;
  return (
    <li className="train" data-testid="train" data-train={journey.trainNo}>
      <div className="train__line">
        <div className="train__no">
          <h2>{journey.trainNo}</h2>
          <button type="button" className="link" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)} data-testid="stops">
            {open ? text.results.stops_hide : text.results.stops_show}
          </button>
        </div>
        <Times journey={journey} offer={offer} />
      </div>
      <SaleLine offer={offer} student={student} />
      <div id={id} hidden={!open}>
        {open && <StopList journey={journey} />}
      </div>
    </li>
  );
}

function Times({ journey, offer }: { journey: Journey; offer: TrainOffer }) {
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

function SaleLine({ offer, student }: { offer: TrainOffer; student: boolean }) {
  const text = useText();
  const closed = closedText(offer, text);
  return (
    <div className="train__sale">
      {closed !== undefined && <p className="train__closed">{closed}</p>}
      <ul className="cells">
        {offer.classes.toSorted((one, other) => one.seatClass - other.seatClass).map((availability) => (
          <Fragment key={availability.seatClass}>
            <li>
              <ClassCell offer={offer} availability={availability} student={student} closed={closed !== undefined} />
            </li>
            {closed === undefined && availability.sameTrainChangeRemaining > 0 && offer.journey !== undefined && (
              <li>
                <ChangeCell journey={offer.journey} availability={availability} student={student} />
              </li>
            )}
          </Fragment>
        ))}
      </ul>
    </div>
  );
}

type CellProps = { offer: TrainOffer; availability: ClassAvailability; student: boolean; closed: boolean };

function ClassCell({ offer, availability, student, closed }: CellProps) {
  const text = useText();
  const { journey } = offer;
  const state = cellState(availability);
  const label = seatClassLabel(availability.seatClass, text);
  const left = { many: text.results.have, few: text.results.left(availability.remaining), standby: text.results.standby, none: text.results.none }[state];
  const content = (
    <>
      <span className="cell__class">{label}</span>
      <span className="cell__price">{price(availability.fare)}</span>
      <span className="cell__left">{closed ? '--' : left}</span>
    </>
  );
  if (closed || state === 'none' || journey === undefined) return <span className="cell cell--none">{content}</span>;
  return (
    <Link
      className={`cell cell--${state}`}
      to={bookingPath(journey, availability.seatClass, { student })}
      aria-label={text.results.choose(journey.trainNo, label, price(availability.fare), left)}
      data-testid="class"
      data-class={availability.seatClass}
      data-remaining={availability.remaining}
    >
      {content}
    </Link>
  );
}

/** A choice of its own beside the class that is sold out: the same train, with a change of seats on the way. */
function ChangeCell({ journey, availability, student }: { journey: Journey; availability: ClassAvailability; student: boolean }) {
  const text = useText();
  const label = seatClassLabel(availability.seatClass, text);
  const left = text.results.change_left(availability.sameTrainChangeRemaining);
  const at = text.results.change_at(changeStops(availability));
  return (
    <Link
      className="cell cell--change"
      to={bookingPath(journey, availability.seatClass, { student, change: true })}
      aria-label={`${text.results.choose(journey.trainNo, label, price(availability.fare), left)}, ${at}`}
      data-testid="class-change"
      data-class={availability.seatClass}
    >
      <span className="cell__class">{label}</span>
      <span className="cell__price">{price(availability.fare)}</span>
      <span className="cell__left">{left}</span>
      <span className="cell__where">{at}</span>
    </Link>
  );
}

/** Why nothing can be bought, or undefined. */
function closedText({ saleState, saleStartTime }: TrainOffer, text: Dictionary): string | undefined {
  if (saleState === SaleState.CLOSED) return text.results.sale_closed;
  if (saleState === SaleState.CANCELLED) return text.results.cancelled;
  if (saleState !== SaleState.BEFORE) return undefined;
  return text.results.sale_from(saleStartTime === undefined ? '' : dateAndTime(timestampMs(saleStartTime)));
}
