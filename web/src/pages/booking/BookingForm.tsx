import { useState } from 'react';
import type { SubmitEvent } from 'react';
import { Link, useLocation, useNavigate } from 'react-router';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { readError } from '../../api/errors.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { Captcha } from '../../components/Captcha.tsx';
import { Check } from '../../components/Choice.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { shortFen } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { saveQueuePass } from '../queue/queue_pass.ts';
import { JoinStandby } from '../standby/JoinStandby.tsx';
import type { Ride, RideOffer } from './BookingPage.tsx';
import { ChangeOffer } from './ChangeOffer.tsx';
import { ClassPicker } from './ClassPicker.tsx';
import { draftProblem, emptyDraft, toSubmitOrder, totalRange } from './draft.ts';
import type { Draft } from './draft.ts';
import { PassengerPicker } from './PassengerPicker.tsx';
import { Seating } from './Seating.tsx';
import { useSeatLock } from './seats/use_seat_lock.ts';
import type { SeatLock } from './seats/use_seat_lock.ts';

type Props = { ride: Ride; offer: RideOffer; wanted_class: SeatClass; student: boolean; change: boolean; onStale: () => void };

export function BookingForm({ ride, offer, wanted_class, student, change: accept_change, onStale }: Props) {
  const text = useText();
  const { order } = useApi();
  const navigate = useNavigate();
  const location = useLocation();
  const [standby_id, setStandbyId] = useState('');
  const [tried, setTried] = useState(false);
  const [draft, setDraft] = useState<Draft>(() => emptyDraft(offer.classes.find(({ seatClass }) => seatClass === wanted_class)?.seatClass ?? offer.classes[0]?.seatClass ?? SeatClass.SECOND, accept_change));
  const locking = useSeatLock(ride);
  const { lock } = locking;
  const change = (part: Partial<Draft>): void => {
    const { seat_class = draft.seat_class, travellers = draft.travellers } = part;
    // Seats of another class, or for more or fewer people, are not the ones that are locked.
    if (seat_class !== draft.seat_class || travellers.length !== draft.travellers.length) locking.giveBack();
    setDraft((before) => ({ ...before, ...part }));
  };
  const submit = useAction(async (request_id, chosen: Draft, seats: SeatLock | undefined, captcha_token: string) => {
    try {
      const { status, standbyId } = await order.submitOrder(toSubmitOrder(chosen, { ...ride, request_id, fares: offer.fares, captcha_token, lock: seats }));
      locking.forget();
      if (status === undefined) return setStandbyId(standbyId);
      saveQueuePass({ tab: sessionStorage, browser: localStorage }, { token: status.queueToken, journey: offer.journey, submit_ms: Date.now(), first_ahead: status.ahead, back: location.pathname + location.search });
      await navigate('/queue', { replace: true });
    } catch (error) {
      if (LOCK_GONE.has(readError(error).reason)) locking.forget();
      onStale();
      throw error;
    }
  });
  const problem = draftProblem(draft);
  const onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (problem === undefined) void submit.run(draft, lock, '');
  };
  if (standby_id !== '') return <StandbyNote standby_id={standby_id} />;
  const chosen_class = offer.classes.find(({ seatClass }) => seatClass === draft.seat_class);
  return (
    <form className="booking__form" onSubmit={onSubmit} noValidate>
      <div className="booking__parts">
        <ClassPicker classes={offer.classes} value={draft.seat_class} onChoose={(seat_class) => change({ seat_class, letters: [] })} />
        {offer.journey !== undefined && chosen_class !== undefined && <JoinStandby journey={offer.journey} availability={chosen_class} people={draft.travellers.length} />}
        {chosen_class?.remaining === 0 && chosen_class.sameTrainChangeRemaining > 0 && <ChangeOffer availability={chosen_class} checked={draft.accept_change} onCheck={(accept) => change({ accept_change: accept })} />}
        <PassengerPicker travellers={draft.travellers} student={student} fares={offer.fares} seat_class={draft.seat_class} onChange={(travellers) => change({ travellers, letters: draft.letters.slice(0, travellers.length) })} />
        <Seating ride={ride} offer={offer} draft={draft} locking={locking} onChange={change} />
        <fieldset className="panel">
          {lock === undefined && <Check label={text.booking.standing} checked={draft.accept_standing} onCheck={(accept_standing) => change({ accept_standing })} test_id="accept-standing" />}
          <Check label={text.booking.standby} checked={draft.accept_standby} onCheck={(accept_standby) => change({ accept_standby })} test_id="accept-standby" />
        </fieldset>
      </div>
      <div className="booking__sum">
        <Total offer={offer} draft={draft} seats={lock?.seats} />
        <p className="field__problem" role="alert" data-testid="booking-problem">
          {tried && problem !== undefined && text.booking[problem]}
        </p>
        <ErrorNotice error={submit.error}>{submit.error?.reason === 'QUOTE_STALE' && <p>{text.booking.quote_changed}</p>}</ErrorNotice>
        {submit.error?.reason === 'CAPTCHA_REQUIRED' && <Captcha onSolved={(token) => void submit.run(draft, lock, token)} />}
        <button type="submit" className="button button--primary button--large" disabled={submit.busy} data-testid="submit-order">
          {submit.busy ? text.booking.submitting : text.booking.submit}
        </button>
        <p className="booking__agree">{text.booking.agree}</p>
      </div>
    </form>
  );
}

/** The seats that were locked are nobody's any more, or never fitted: they must be chosen anew. */
const LOCK_GONE: ReadonlySet<string | undefined> = new Set(['HOLD_NOT_FOUND', 'HOLD_EXPIRED', 'SEAT_LOCKED', 'SEAT_MALFORMED']);

function Total({ offer, draft, seats }: { offer: RideOffer; draft: Draft; seats: SeatLock['seats'] | undefined }) {
  const text = useText();
  const total = totalRange(offer.fares, draft, seats);
  const open = total !== undefined && total.min_fen !== total.max_fen;
  return (
    <p className="booking__total">
      <span>{text.booking.total}</span>
      <output className="booking__amount" data-testid="total">
        {open && <small>{text.booking.up_to} </small>}
        {total === undefined ? '--' : shortFen(total.max_fen)}
      </output>
    </p>
  );
}

function StandbyNote({ standby_id }: { standby_id: string }) {
  const text = useText();
  return (
    <div className="notice notice--standby" role="status" data-testid="standby">
      <div className="notice__body">
        <h2>{text.booking.standby_made}</h2>
        <p>{text.booking.standby_body(standby_id)}</p>
        <Link to={`/standbys/${standby_id}`}>{text.standby.to_standby}</Link>
      </div>
    </div>
  );
}
