import { useState } from 'react';
import type { ReactNode, SubmitEvent } from 'react';
import { Link } from 'react-router';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { Icon } from '../../components/Icon.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { WISHES_MAX, peopleOf, withChangedWish, withoutWish } from './basket.ts';
import type { Basket } from './basket.ts';
import { deadlineAt, usualDeadline } from './deadline.ts';
import { DeadlinePicker } from './DeadlinePicker.tsx';
import { Estimate } from './Estimate.tsx';
import { Priorities } from './Priorities.tsx';
import { hasLeft, lastDeparture, rideOf } from './ride.ts';
import type { Closing } from './upgrade.ts';
import { useRuns } from './use_runs.ts';
import { WishCard } from './WishCard.tsx';

export type RequestProps = {
  basket: Basket;
  /** Who travels, and what else is asked for. */
  children: ReactNode;
  /** What is missing, in words. */
  problem: string | undefined;
  refusal: ReactNode;
  submit: string;
  agree: string;
  /** Of tickets that are held: their own train ends the waiting, too. */
  closing?: Closing;
  /** Where further trains are found, from a ride that is named. */
  moreTrains: (ride: Journey) => string;
  onChange: (basket: Basket) => void;
  onSubmit: (basket: Basket, deadline_ms: number) => void;
};

/** What every standby asks for: the rides, until when, and what may be hoped for. */
export function RequestForm({ basket, children, problem, refusal, submit, agree, closing, moreTrains, onChange, onSubmit }: RequestProps) {
  const text = useText();
  const { wishes, upgrade } = basket;
  const runs = useRuns(wishes.map(({ run_id }) => run_id));
  const rides = wishes.map((wish) => rideOf(runs.get(wish.run_id), wish));
  const last_ms = lastDeparture(rides);
  const last_departure_ms = last_ms === undefined ? undefined : Math.min(last_ms, closing?.departure_ms ?? Infinity);
  const [opened_ms] = useState(() => Date.now());
  const choice = basket.deadline ?? usualDeadline(last_departure_ms ?? 0, opened_ms);
  const deadline_ms = last_departure_ms === undefined ? undefined : deadlineAt(choice, last_departure_ms, closing?.closes_ms);
  const [tried, setTried] = useState(false);
  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (problem === undefined && deadline_ms !== undefined) onSubmit(basket, deadline_ms);
  };
  const several = wishes.length > 1 ? text.standby.deadline_last : undefined;
  return (
    <form className="booking__form" onSubmit={send} noValidate>
      <div className="booking__parts">
        <section className="panel" aria-labelledby="standby-wishes">
          <h2 className="panel__title" id="standby-wishes">
            {text.standby.wishes} <small>{text.standby.wishes_hint(WISHES_MAX)}</small>
          </h2>
          <ul className="wishes">
            {wishes.map((wish, index) => (
              <WishCard
                key={`${wish.run_id} ${wish.from_station_id} ${wish.to_station_id}`}
                wish={wish}
                journey={rides[index]!}
                people={peopleOf(basket)}
                upgrade={upgrade}
                departed={hasLeft(rides[index]!, opened_ms)}
                onChange={(changed) => onChange(withChangedWish(basket, changed))}
                onRemove={() => onChange(withoutWish(basket, wish))}
              />
            ))}
          </ul>
          {wishes.length < WISHES_MAX && (
            <Link className="button button--small" to={moreTrains(rides[0]!)} data-testid="more-trains">
              <Icon name="plus" />
              {text.standby.more_trains}
            </Link>
          )}
        </section>
        {children}
        {last_departure_ms !== undefined && <DeadlinePicker choice={choice} last_departure_ms={last_departure_ms} closes_ms={closing?.closes_ms} note={closing === undefined ? several : text.upgrade.deadline_first} onChoose={(deadline) => onChange({ ...basket, deadline })} />}
      </div>
      <div className="booking__sum">
        {wishes.some(({ seat_classes }) => seat_classes.length === 0) ? <p className="estimate__note">{text.standby.problems.no_class}</p> : <Estimate basket={basket} deadline_ms={deadline_ms} runs={runs} />}
        <Priorities />
        <p className="field__problem" role="alert" data-testid="standby-problem">
          {tried && problem}
        </p>
        {refusal}
        <button type="submit" className="button button--primary button--large" data-testid="submit-standby">
          {submit}
        </button>
        <p className="booking__agree">{agree}</p>
      </div>
    </form>
  );
}
