import type { ClassAvailability } from '#gen/rail/query/v1/query_pb.ts';
import type { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { price } from '../../i18n/format.ts';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { cellState } from '../results/filter.ts';

/** The classes of the train as radio buttons, each with price and what is left. */
export function ClassPicker({ classes, value, onChoose }: { classes: ClassAvailability[]; value: SeatClass; onChoose: (seat_class: SeatClass) => void }) {
  const text = useText();
  return (
    <fieldset className="panel">
      <legend className="panel__title">{text.booking.seat_class}</legend>
      <div className="classes">
        {classes.toSorted((one, other) => one.seatClass - other.seatClass).map((availability) => {
          const state = cellState(availability);
          const change = availability.remaining === 0 && availability.sameTrainChangeRemaining > 0;
          const left = change ? text.results.change_left(availability.sameTrainChangeRemaining) : { many: text.results.have, few: text.results.left(availability.remaining), standby: text.results.standby, none: text.results.none }[state];
          return (
            <label key={availability.seatClass} className="classes__one">
              <input type="radio" name="seat-class" checked={availability.seatClass === value} onChange={() => onChoose(availability.seatClass)} data-testid={`seat-class-${availability.seatClass}`} />
              <span className={`cell cell--${change ? 'change' : state}`}>
                <span className="cell__class">{seatClassLabel(availability.seatClass, text)}</span>
                <span className="cell__price">{price(availability.fare)}</span>
                <span className="cell__left">{left}</span>
              </span>
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}
