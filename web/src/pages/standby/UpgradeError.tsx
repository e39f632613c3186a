import { Link } from 'react-router';
import type { CreateStandbyRequest, StandbyWish } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { ApiError } from '../../api/errors.ts';
import { useNow } from '../../app/use_now.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { shortFen } from '../../i18n/format.ts';
import { seatClassLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { planPath } from '../change/plan.ts';
import { OpenNotice } from './OpenNotice.tsx';
import { stretchOf } from './PlaceList.tsx';
import { rideOf } from './ride.ts';
import type { UpgradeOf } from './standby_path.ts';
import { limitText } from './upgrade.ts';
import { refusedWish, upgradeAdvice } from './upgrade_advice.ts';

type Props = { of: UpgradeOf; error: ApiError | undefined; refused: CreateStandbyRequest | undefined; closes_ms: number | undefined; onLimit: (typed: string) => void };

/** Why tickets can't wait for this, by which rule, and the way on from there. */
export function UpgradeError({ of, error, refused, closes_ms, onLimit }: Props) {
  const text = useText();
  const now_ms = useNow(OFTEN_ENOUGH_MS);
  const advice = error === undefined ? undefined : upgradeAdvice(error, closes_ms !== undefined && closes_ms <= now_ms);
  const words = text.change.advice;
  return (
    <ErrorNotice error={error}>
      {advice?.rule !== undefined && <p data-testid="upgrade-refused-rule">{words.rules[advice.rule]}</p>}
      {advice?.at_counter === true && <p>{words.at_counter}</p>}
      {advice?.way === 'open' && <OpenNotice of={of} />}
      {advice?.way === 'later' && <p>{text.standby.choose_later}</p>}
      {advice?.way === 'overlap' && (
        <p>
          {text.standby.overlap} <Link to="/standbys">{text.standby.list_title}</Link> · <Link to="/orders">{text.order.list_title}</Link>
        </p>
      )}
      {advice?.way === 'list' && <Link to="/standbys">{text.standby.list_title}</Link>}
      {advice?.way === 'order' && <Link to={`/orders/${of.order_id}`}>{text.upgrade.to_order}</Link>}
      {advice?.way === 'tickets' && <Link to={planPath(of.order_id, { step: 'tickets', item_ids: of.item_ids })}>{text.upgrade.tickets_again}</Link>}
      {error !== undefined && (advice?.way === 'remove' || advice?.way === 'raise' || advice?.way === 'now') && <AboutWish way={advice.way} of={of} error={error} wish={refusedWish(error, refused)} onLimit={onLimit} />}
    </ErrorNotice>
  );
}

type AboutProps = { way: 'remove' | 'raise' | 'now'; of: UpgradeOf; error: ApiError; wish: StandbyWish | undefined; onLimit: Props['onLimit'] };

/** What to do about the one ride that stands in the way of all. */
function AboutWish({ way, of, error, wish, onLimit }: AboutProps) {
  const text = useText();
  const train = rideOf(undefined, stretchOf(wish)).trainNo;
  const seat_class = wish?.seatClasses[0];
  const label = seat_class === undefined ? '' : seatClassLabel(seat_class, text);
  const amount = error.metadata['difference_fen'];
  if (way === 'now') {
    const { run_id, from_station_id, to_station_id } = stretchOf(wish);
    const path = seat_class === undefined ? planPath(of.order_id, { step: 'ride', item_ids: of.item_ids }) : planPath(of.order_id, { step: 'quote', item_ids: of.item_ids, ride: { run_id, from_station_id, to_station_id, seat_class } });
    return (
      <Link className="button button--small" to={path} data-testid="upgrade-change-now">
        {text.upgrade.change_now}
      </Link>
    );
  }
  if (way === 'raise' && amount !== undefined && /^\d+$/.test(amount)) {
    return (
      <>
        {wish !== undefined && <p>{text.upgrade.above(train, label, shortFen(BigInt(amount)))}</p>}
        <button type="button" className="button button--small" onClick={() => onLimit(limitText(BigInt(amount)))} data-testid="upgrade-raise">
          {text.upgrade.raise(shortFen(BigInt(amount)))}
        </button>
      </>
    );
  }
  return <p>{wish === undefined ? text.upgrade.remove_any : text.upgrade.remove(train, label)}</p>;
}

const OFTEN_ENOUGH_MS = 10_000;
