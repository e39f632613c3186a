import { Link } from 'react-router';
import type { ClassAvailability } from '#gen/rail/query/v1/query_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { standbyPath } from './standby_path.ts';

type Props = { journey: Journey; availability: ClassAvailability; /** Who would travel together; 0 as long as nobody is chosen. */ people: number };

/** Where a class has too few seats for all of a group: that one may wait for what others give back. */
export function JoinStandby({ journey, availability, people }: Props) {
  const text = useText();
  const { remaining, seatClass, standbyAllowed } = availability;
  if (remaining >= Math.max(people, 1) || seatClass === SeatClass.STANDING) return null;
  return (
    <div className="notice notice--standby" data-testid="offer-standby">
      <div className="notice__body">
        <p>{remaining === 0 ? text.booking.sold_out : text.standby.too_few(remaining)}</p>
        {(remaining > 0 || standbyAllowed) && (
          <Link className="button button--small" to={standbyPath(journey, seatClass)} data-testid="join-standby">
            {text.standby.join}
          </Link>
        )}
      </div>
    </div>
  );
}
