import { useId, useState } from 'react';
import type { RefObject } from 'react';
import { Link } from 'react-router';
import { TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import type { Order, OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { useNow } from '../../app/use_now.ts';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { price } from '../../i18n/format.ts';
import { passengerTypeLabel, seatClassLabel, seatLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/booking.css';
import { journeyGroups } from '../order/journey_groups.ts';
import { companionsMissing, obstacleOf } from './obstacles.ts';
import type { Obstacle } from './obstacles.ts';
import type { Plan } from './plan.ts';
import { StepTitle } from './StepTitle.tsx';

type Props = { order: Order; plan: Plan; onPlan: (part: Partial<Plan>, replace?: boolean) => void; moved: RefObject<boolean> };

/** Which tickets, and why not the others. */
export function TicketStep({ order, plan, onPlan, moved }: Props) {
  const text = useText();
  const words = text.change.tickets;
  const obstacles = useObstacles(order);
  const can = order.items.filter(({ itemId }) => obstacles.get(itemId) === undefined).map(({ itemId }) => itemId);
  // Where there is one ticket there is nothing to choose.
  // The address follows in a transition: a box that waited for it would seem not to have been clicked, and forget the click before.
  const [picked, setPicked] = useState(plan.item_ids);
  const chosen = can.length === 1 ? can : picked.filter((item_id) => can.includes(item_id));
  const { children, adults } = companionsMissing(order.items, chosen);
  const others = [...children, ...(adults.length === 1 ? adults : [])].filter((item_id) => can.includes(item_id));
  const choose = (wanted: string[]): void => {
    const item_ids = order.items.map(({ itemId }) => itemId).filter((item_id) => wanted.includes(item_id));
    setPicked(item_ids);
    onPlan({ item_ids, step: 'tickets' }, true);
  };
  return (
    <section className="panel">
      <StepTitle step="tickets" title={words.title} moved={moved} />
      {journeyGroups(order).map(({ key, journey, change, items }) => (
        <fieldset key={key} className="changetickets">
          <legend className="visually-hidden">{words.title}</legend>
          {journey !== undefined && <JourneyHead journey={journey} change={change} />}
          <ul className="travellers">
            {items.map((item) => (
              <TicketLine
                key={item.itemId}
                item={item}
                obstacle={obstacles.get(item.itemId)}
                checked={chosen.includes(item.itemId)}
                onCheck={(on) => choose(on ? [...chosen, item.itemId] : chosen.filter((other) => other !== item.itemId))}
              />
            ))}
          </ul>
        </fieldset>
      ))}
      <p className="quote__rule">{words.once}</p>
      <div role="status">
        {can.length === 0 && <p className="notice" data-testid="nothing-to-change">{words.nothing}</p>}
        {can.length > 0 && chosen.length === 0 && <p className="quote__rule">{words.none_chosen}</p>}
        {(children.length > 0 || adults.length > 0) && (
          <div className="notice" data-testid="companions-missing">
            <div className="notice__body">
              <p>{children.length > 0 ? words.other_left : words.adult_needed}</p>
              {others.length > 0 && (
                <button type="button" className="button button--small" onClick={() => choose([...chosen, ...others])} data-testid="with-others">
                  {words.with_others}
                </button>
              )}
            </div>
          </div>
        )}
      </div>
      <div className="actions">
        {can.length > 0 && (
          <button type="button" className="button button--primary" disabled={chosen.length === 0 || children.length > 0 || adults.length > 0} onClick={() => onPlan({ item_ids: chosen, step: 'ride' })} data-testid="to-ride">
            {words.next}
          </button>
        )}
        <Link className="button" to={`/orders/${order.orderId}`}>
          {text.change.back_to_order}
        </Link>
      </div>
    </section>
  );
}

/** Tickets that were used are known to ticketing alone; until it answers, or where it does not, the quote will say so. */
function useObstacles(order: Order): Map<string, Obstacle | undefined> {
  const { ticketing } = useApi();
  const now_ms = useNow(OFTEN_ENOUGH_MS);
  const { value } = useLoad(`used ${order.orderId}`, async (signal) => (await ticketing.listTickets({ orderId: order.orderId }, { signal })).tickets.filter(({ state }) => state === TicketState.USED).map(({ ticketId }) => ticketId));
  const used = new Set(value);
  return new Map(order.items.map((item) => [item.itemId, obstacleOf(item, used, now_ms)]));
}

type LineProps = { item: OrderItem; obstacle: Obstacle | undefined; checked: boolean; onCheck: (on: boolean) => void };

function TicketLine({ item, obstacle, checked, onCheck }: LineProps) {
  const text = useText();
  const id = useId();
  return (
    <li className="traveller" data-testid="change-ticket" data-obstacle={obstacle ?? ''}>
      <label className="traveller__name">
        <input type="checkbox" checked={checked} disabled={obstacle !== undefined} aria-describedby={obstacle === undefined ? undefined : id} onChange={(event) => onCheck(event.target.checked)} data-testid="change-item" />
        <span>
          {item.passengerNameMasked} <span className="tag">{passengerTypeLabel(item.passengerType, text)}</span>
          <small>
            {item.seat !== undefined && seatClassLabel(item.seat.seatClass, text)} {seatLabel(item.seat, text)}
          </small>
        </span>
      </label>
      <span className="traveller__fare">{price(item.fare)}</span>
      {obstacle !== undefined && (
        <span className="changetickets__why" id={id}>
          {text.change.tickets.obstacles[obstacle]}
        </span>
      )}
    </li>
  );
}

const OFTEN_ENOUGH_MS = 10_000;
