import { Link } from 'react-router';
import { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { Check } from '../../components/Choice.tsx';
import { price } from '../../i18n/format.ts';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { bookingPath } from '../booking/booking_path.ts';
import { planPath } from '../change/plan.ts';
import { toggleClass } from './basket.ts';
import type { WishDraft } from './basket.ts';
import { Difference } from './Difference.tsx';
import { RideLine } from './RideLine.tsx';
import type { UpgradeOf } from './standby_path.ts';

type Props = { wish: WishDraft; journey: Journey; people: number; departed: boolean; /** For these tickets, which are held. */ upgrade?: UpgradeOf; onChange: (wish: WishDraft) => void; onRemove: () => void };

/** One ride of the request: which classes, in which order, and whether seats may be changed on the way. */
export function WishCard({ wish, journey, people, departed, upgrade, onChange, onRemove }: Props) {
  const text = useText();
  const { query } = useApi();
  const { run_id: runId, from_station_id: fromStationId, to_station_id: toStationId } = wish;
  const { value } = useLoad(`${runId} ${fromStationId} ${toStationId}`, (signal) => query.getAvailability({ runId, fromStationId, toStationId, passengerType: PassengerType.ADULT }, { signal }));
  const offered = (value?.classes ?? []).filter(({ seatClass }) => seatClass !== SeatClass.STANDING).toSorted((one, other) => one.seatClass - other.seatClass);
  const classes = offered.length > 0 ? offered.map(({ seatClass, fare }) => ({ seat_class: seatClass, fare: price(fare) })) : wish.seat_classes.map((seat_class) => ({ seat_class, fare: '' }));
  // The service refuses a request of which one ride can be bought for the whole group.
  const on_sale = offered.filter(({ seatClass }) => wish.seat_classes.includes(seatClass)).find(({ remaining }) => remaining >= Math.max(people, 1));
  return (
    <li className="wish" data-testid="wish" data-run={runId}>
      <div className="wish__head">
        <RideLine journey={journey} />
        <button type="button" className="link" onClick={onRemove} data-testid="remove-wish">
          {text.common.remove}
          <span className="visually-hidden"> {journey.trainNo}</span>
        </button>
      </div>
      <fieldset className="wish__classes">
        <legend className="field__label">{text.standby.classes}</legend>
        <div className="choice__options">
          {classes.map(({ seat_class, fare }) => (
            <label key={seat_class} className="chip">
              <input type="checkbox" checked={wish.seat_classes.includes(seat_class)} onChange={() => onChange(toggleClass(wish, seat_class))} data-testid={`wish-class-${seat_class}`} />
              <span>
                {seatClassLabel(seat_class, text)}
                {fare !== '' && <small className="wish__fare">{fare}</small>}
              </span>
            </label>
          ))}
        </div>
        {wish.seat_classes.length > 1 && <p className="field__hint">{upgrade === undefined ? text.standby.class_order(wish.seat_classes.map((seat_class) => seatClassLabel(seat_class, text)).join(' → ')) : text.upgrade.classes_any}</p>}
      </fieldset>
      {upgrade === undefined && <Check label={text.standby.accept_change} checked={wish.accept_change} onCheck={(accept_change) => onChange({ ...wish, accept_change })} test_id="wish-change" />}
      {upgrade !== undefined && (
        <ul className="wish__differences">
          {wish.seat_classes.map((seat_class) => (
            <Difference key={seat_class} wish={wish} seat_class={seat_class} of={upgrade} />
          ))}
        </ul>
      )}
      {departed && <p className="notice notice--error">{text.standby.departed}</p>}
      {!departed && on_sale !== undefined && (
        <p className="notice" role="status" data-testid="wish-on-sale">
          <span>
            {(upgrade === undefined ? text.standby : text.upgrade).on_sale(seatClassLabel(on_sale.seatClass, text))}{' '}
            {upgrade === undefined ? (
              <Link to={bookingPath(journey, on_sale.seatClass, { student: false })}>{text.standby.buy}</Link>
            ) : (
              <Link to={planPath(upgrade.order_id, { step: 'quote', item_ids: upgrade.item_ids, ride: { run_id: runId, from_station_id: fromStationId, to_station_id: toStationId, seat_class: on_sale.seatClass } })}>{text.upgrade.change_now}</Link>
            )}
          </span>
        </p>
      )}
    </li>
  );
}
