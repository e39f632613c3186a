import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { Link } from 'react-router';
import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { dateAndTime } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/change.css';
import '../../styles/standby.css';
import { CancelStandby } from './CancelStandby.tsx';
import { stretchOf } from './PlaceList.tsx';
import { isOver, mayCancel, stateKey } from './progress.ts';
import { rideOf } from './ride.ts';
import { RideLine } from './RideLine.tsx';
import { useRuns } from './use_runs.ts';
import { useUpgrades } from './use_upgrades.ts';

type Props = { order: Order; /** One of them has gone on, and with it the order. */ onMoved: () => void };

/** The better trains that tickets of an order wait for; only an order with tickets has any. */
export function OpenUpgrades({ order, onMoved }: Props) {
  const held = order.items.some(({ state }) => state === OrderState.SUCCESS || state === OrderState.CHANGE);
  return held ? <Upgrades order={order} onMoved={onMoved} /> : null;
}

function Upgrades({ order, onMoved }: Props) {
  const text = useText();
  const [turn, setTurn] = useState(0);
  const { value } = useUpgrades(order.orderId, turn);
  const [shown, setShown] = useState<Standby[]>([]);
  if (value !== undefined && value !== shown) setShown(value);
  const open = shown.filter((standby) => !isOver(standby));
  const runs = useRuns(open.map(({ places }) => stretchOf(places[0]?.wish).run_id));
  const states = value?.map(({ standbyId, state }) => `${standbyId} ${state}`).join();
  const known = useRef(states);
  const moved = useEffectEvent(onMoved);
  useEffect(() => {
    if (known.current !== undefined && states !== undefined && states !== known.current) moved();
    known.current = states ?? known.current;
  }, [states]);
  if (open.length === 0) return null;
  return (
    <section className="standby" aria-labelledby="open-upgrades">
      <h2 id="open-upgrades">{text.upgrade.open_title}</h2>
      <ul className="changelist">
        {open.map((standby) => {
          const stretch = stretchOf(standby.places[0]?.wish);
          const state = stateKey(standby.state);
          return (
            <li key={standby.standbyId} className="panel changelist__one" data-testid="open-upgrade" data-state={state} data-standby={standby.standbyId}>
              <div>
                <RideLine journey={rideOf(runs.get(stretch.run_id), stretch)} seat_classes={standby.places[0]?.wish?.seatClasses} />
                <p className="quote__rule">{[standby.places.length > 1 && text.standby.rides(standby.places.length), text.upgrade.open_until(dateAndTime(standby.deadline))].filter(Boolean).join(' · ')}</p>
              </div>
              <div className="changelist__state">
                <span className={`tag tag--standby-${state}`} role="status">
                  {text.standby.states[state]}
                </span>
                <Link className="button button--small" to={`/standbys/${standby.standbyId}`} data-testid="see-upgrade">
                  {text.upgrade.open_see}
                </Link>
                {mayCancel(standby) && <CancelStandby standby={standby} onCancelled={() => setTurn(turn + 1)} />}
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
