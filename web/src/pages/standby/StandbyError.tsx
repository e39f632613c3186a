import { Link } from 'react-router';
import type { ApiError } from '../../api/errors.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { bookingPath } from '../booking/booking_path.ts';
import { adviceFor } from './advice.ts';
import type { WishDraft } from './basket.ts';

/** A refusal, with the way to what can be done about it. */
export function StandbyError({ error, wishes, onRetry }: { error: ApiError | undefined; wishes: readonly WishDraft[]; onRetry?: () => void }) {
  const text = useText();
  const advice = adviceFor(error?.reason);
  const open = wishes.find(({ run_id }) => run_id === error?.metadata['run_id']) ?? (wishes.length === 1 ? wishes[0] : undefined);
  return (
    <ErrorNotice error={error} onRetry={advice === undefined ? onRetry : undefined}>
      {advice === 'buy' && open !== undefined && (
        <Link className="button button--small" to={bookingPath({ runId: open.run_id, fromStationId: open.from_station_id, toStationId: open.to_station_id }, open.seat_classes[0] ?? 0, { student: false })} data-testid="standby-buy">
          {text.standby.buy}
        </Link>
      )}
      {advice === 'overlap' && (
        <p>
          {text.standby.overlap} <Link to="/standbys">{text.standby.list_title}</Link> · <Link to="/orders">{text.order.list_title}</Link>
        </p>
      )}
      {advice === 'later' && <p>{text.standby.choose_later}</p>}
      {advice === 'other_train' && <p>{text.standby.remove_train}</p>}
      {advice === 'passengers' && <Link to="/passengers">{text.nav.passengers}</Link>}
    </ErrorNotice>
  );
}
