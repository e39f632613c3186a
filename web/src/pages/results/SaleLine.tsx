import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Fragment, use } from 'react';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { SaleState } from '#gen/rail/query/v1/query_pb.ts';
import type { ClassAvailability, TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { dateAndTime, price } from '../../i18n/format.ts';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import type { Dictionary } from '../../i18n/zh.ts';
import { cellState, changeStops } from './filter.ts';
import { RideChoiceContext } from './ride_choice.ts';

/** What each class costs and has left, or why nothing can be bought. */
export function SaleLine({ offer, student }: { offer: TrainOffer; student: boolean }) {
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
  const choice = use(RideChoiceContext);
  const { journey } = offer;
  const state = cellState(availability);
  const path = closed || state === 'none' || journey === undefined ? undefined : choice.pathOf(journey, availability, { student, change: false });
  const label = seatClassLabel(availability.seatClass, text);
  const note = journey === undefined ? undefined : choice.noteOf?.(journey, availability);
  const left = note ?? { many: text.results.have, few: text.results.left(availability.remaining), standby: text.results.standby, none: text.results.none }[state];
  const content = (
    <>
      <span className="cell__class">{label}</span> <Price availability={availability} student={student} /> <span className="cell__left">{closed ? '--' : left}</span>
    </>
  );
  const wait_path = closed || journey === undefined ? undefined : choice.waitPathOf(journey, availability);
  if (wait_path !== undefined && journey !== undefined) return <StandbyCell path={wait_path} words={choice.wait_words(text, journey.trainNo)} availability={availability}>{content}</StandbyCell>;
  if (path === undefined || journey === undefined) return <span className="cell cell--none">{content}</span>;
  return (
    <Link
      className={`cell cell--${state}`}
      to={path}
      data-testid="class"
      data-class={availability.seatClass}
      data-remaining={availability.remaining}
    >
      <span className="visually-hidden">{choice.words(text, journey.trainNo)} </span>
      {content}
    </Link>
  );
}

/** Sold out, and one may wait for what others give back. */
function StandbyCell({ path, words, availability, children }: { path: string; words: string; availability: ClassAvailability; children: ReactNode }) {
  return (
    <Link className="cell cell--standby" to={path} data-testid="class-standby" data-class={availability.seatClass}>
      <span className="visually-hidden">{words} </span>
      {children}
    </Link>
  );
}

/** A choice of its own beside the class that is sold out: the same train, with a change of seats on the way. */
function ChangeCell({ journey, availability, student }: { journey: Journey; availability: ClassAvailability; student: boolean }) {
  const text = useText();
  const choice = use(RideChoiceContext);
  const path = choice.pathOf(journey, availability, { student, change: true });
  const label = seatClassLabel(availability.seatClass, text);
  const left = text.results.change_left(availability.sameTrainChangeRemaining);
  const at = text.results.change_at(changeStops(availability));
  if (path === undefined) return null;
  return (
    <Link
      className="cell cell--change"
      to={path}
      data-testid="class-change"
      data-class={availability.seatClass}
    >
      <span className="visually-hidden">{choice.words(text, journey.trainNo)} </span>
      <span className="cell__class">{label}</span> <Price availability={availability} student={student} /> <span className="cell__left">{left}</span>{' '}
      <span className="cell__where">{at}</span>
    </Link>
  );
}

/** Students see which classes are cheaper for them. */
function Price({ availability, student }: { availability: ClassAvailability; student: boolean }) {
  const text = useText();
  return (
    <span className="cell__price">
      {price(availability.fare)}
      {student && availability.fareReduced && <abbr className="cell__reduced" title={text.results.student_fare} data-testid="student-fare">{text.results.student_mark}</abbr>}
    </span>
  );
}

/** Why nothing can be bought, or undefined. */
function closedText({ saleState, saleStartTime }: TrainOffer, text: Dictionary): string | undefined {
  if (saleState === SaleState.CLOSED) return text.results.sale_closed;
  if (saleState === SaleState.CANCELLED) return text.results.cancelled;
  if (saleState !== SaleState.BEFORE) return undefined;
  return text.results.sale_from(saleStartTime === undefined ? '' : dateAndTime(timestampMs(saleStartTime)));
}
