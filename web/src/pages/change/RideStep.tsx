import { useId } from 'react';
import type { RefObject } from 'react';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { useToday } from '../../app/use_now.ts';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { dayOf } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/results.css';
import '../../styles/search.css';
import { DateStrip } from '../results/DateStrip.tsx';
import { DirectTrains } from '../results/DirectTrains.tsx';
import { RideChoiceContext } from '../results/ride_choice.ts';
import type { RideChoice } from '../results/ride_choice.ts';
import { wishToSearch } from '../search/journey_wish.ts';
import type { ChosenPlace } from '../search/place.ts';
import { upgradePath } from '../standby/standby_path.ts';
import { mayWaitFor } from '../standby/upgrade.ts';
import { DestinationField } from './DestinationField.tsx';
import { planPath } from './plan.ts';
import type { Plan } from './plan.ts';
import { StepTitle } from './StepTitle.tsx';

type Props = { order: Order; plan: Plan; onPlan: (part: Partial<Plan>, replace?: boolean) => void; moved: RefObject<boolean> };

/** Which train instead: looked for like any other, from the same city. */
export function RideStep({ order, plan, onPlan, moved }: Props) {
  const text = useText();
  const today = useToday();
  const chosen = order.items.filter(({ itemId }) => plan.item_ids.includes(itemId));
  const old = chosen[0]?.journey ?? order.journey;
  const ends = useEnds(old);
  if (old === undefined) return null;
  const own_day = old.departureTime === undefined ? old.serviceDate : dayOf(old.departureTime);
  const date = plan.date ?? (own_day < today ? today : own_day);
  const to = plan.to ?? ends?.to;
  const wish = ends === undefined || to === undefined ? undefined : { from: ends.from, to, date, only_high_speed: false, student: chosen.length > 0 && chosen.every(({ passengerType }) => passengerType === PassengerType.STUDENT) };
  const isOwn = (journey: Journey, seat_class: SeatClass): boolean => chosen.some((item) => isSame(item.journey, journey) && item.seat?.seatClass === seat_class);
  const choice: RideChoice = {
    transfers: false,
    pathOf(journey, { seatClass, remaining }, { change }) {
      if (change || remaining < chosen.length || isOwn(journey, seatClass)) return undefined;
      return planPath(order.orderId, { ...plan, date, step: 'quote', ride: { run_id: journey.runId, from_station_id: journey.fromStationId, to_station_id: journey.toStationId, seat_class: seatClass } });
    },
    waitPathOf(journey, availability) {
      const { seatClass: seat_class } = availability;
      if (isOwn(journey, seat_class) || !mayWaitFor(availability, chosen.length)) return undefined;
      return upgradePath({ order_id: order.orderId, item_ids: chosen.map(({ itemId }) => itemId) }, { journey, seat_class });
    },
    wait_words: (words, train_no) => words.upgrade.wait_train(train_no),
    noteOf(journey, availability) {
      const { seatClass, remaining } = availability;
      if (isOwn(journey, seatClass)) return text.change.ride.own;
      if (mayWaitFor(availability, chosen.length)) return remaining === 0 ? text.upgrade.wait : text.upgrade.wait_few(remaining);
      return remaining === 0 ? text.results.none : undefined;
    },
    words: (words, train_no) => words.change.ride.choose(train_no),
  };
  return (
    <section>
      <StepTitle step="ride" title={text.change.ride.title} moved={moved} />
      <section className="panel" aria-label={text.change.old_ride}>
        <p className="quote__rule">{text.change.old_ride}</p>
        <JourneyHead journey={old} change={chosen[0]?.journeyChange} />
      </section>
      {ends === undefined ? <Skeleton rows={4} tall /> : <Places from={ends.from} to={to} onChoose={(place) => onPlan({ to: place, ride: undefined }, true)} />}
      <DateStrip date={date} today={today} onChoose={(day) => onPlan({ date: day, ride: undefined }, true)} />
      <p className="quote__rule">
        {text.change.ride.fares_note(chosen.length)} {text.upgrade.ride_hint}
      </p>
      {wish !== undefined && (
        <RideChoiceContext value={choice}>
          <DirectTrains wish={wish} key={wishToSearch({ ...wish, date: '' })} />
        </RideChoiceContext>
      )}
    </section>
  );
}

/** Where from is given; where to may be another place. */
function Places({ from, to, onChoose }: { from: ChosenPlace; to: ChosenPlace | undefined; onChoose: (place: ChosenPlace) => void }) {
  const text = useText();
  const id = useId();
  return (
    <div className="changeplaces">
      <div className="station">
        <span className="station__label">{text.change.ride.from}</span>
        <p className="changeplaces__from" data-testid="change-from">
          {from.name}
        </p>
        <p className="field__hint">{text.change.ride.from_hint}</p>
      </div>
      <div aria-describedby={id}>
        <DestinationField place={to} onChoose={onChoose} />
        <p className="field__hint" id={id}>
          {text.change.ride.destination_hint}
        </p>
      </div>
    </div>
  );
}

function useEnds(old: Journey | undefined): { from: ChosenPlace; to: ChosenPlace } | undefined {
  const { query } = useApi();
  const { value, error } = useLoad(`ends ${old?.runId} ${old?.fromIndex} ${old?.toIndex}`, async (signal) => {
    if (old === undefined) return undefined;
    const { run } = await query.getTrainRun({ runId: old.runId }, { signal });
    const cityAt = (at: number): string => run?.stops.find(({ index }) => index === at)?.station?.cityZh ?? '';
    return { from: cityAt(old.fromIndex), to: cityAt(old.toIndex) };
  });
  if (old === undefined || (value === undefined && error === undefined)) return undefined;
  // All stations of a city are as good as the one on the ticket; a train that is in no timetable any more leaves only that one.
  return {
    from: value === undefined || value.from === '' ? { station_id: old.fromStationId, name: old.fromStationName } : { name: value.from },
    to: value === undefined || value.to === '' ? { station_id: old.toStationId, name: old.toStationName } : { name: value.to },
  };
}

function isSame(one: Journey | undefined, other: Journey): boolean {
  return one?.runId === other.runId && one.fromStationId === other.fromStationId && one.toStationId === other.toStationId;
}
