import { useState } from 'react';
import { VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import type { Passenger } from '#gen/rail/identity/v1/identity_pb.ts';
import type { QuoteFaresResponse_Fare as Fare } from '#gen/rail/query/v1/query_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import type { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { Dialog } from '../../components/Dialog.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Icon } from '../../components/Icon.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { shortFen } from '../../i18n/format.ts';
import { passengerTypeLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { PASSENGER_TYPES, PassengerForm } from '../passengers/PassengerForm.tsx';
import { VerifyTag } from '../passengers/VerifyTag.tsx';
import { PASSENGERS_PER_ORDER_MAX, fareRange } from './draft.ts';
import type { Draft } from './draft.ts';

type Travellers = Draft['travellers'];
type Props = { travellers: Travellers; student: boolean; /** None where it is not decided yet what is bought. */ fares: Fare[]; seat_class: SeatClass; onChange: (travellers: Travellers) => void };

/** Who travels, and as what. Somebody new can be added without leaving the order. */
export function PassengerPicker({ travellers, student, fares, seat_class, onChange }: Props) {
  const text = useText();
  const { identity } = useApi();
  const [adding, setAdding] = useState(false);
  const { value, error, loading, reload } = useLoad('passengers', async (signal) => (await identity.listPassengers({}, { signal })).passengers);
  const typeOf = ({ passengerType }: Passenger): PassengerType => (student && passengerType === PassengerType.STUDENT ? PassengerType.STUDENT : passengerType || PassengerType.ADULT);
  const toggle = (passenger: Passenger, on: boolean): void => {
    const others = travellers.filter((traveller) => traveller.passenger.passengerId !== passenger.passengerId);
    onChange(on ? [...others, { passenger, type: typeOf(passenger) }] : others);
  };
  return (
    <fieldset className="panel">
      <legend className="panel__title">
        {text.booking.passengers} <small>{text.booking.passengers_hint(PASSENGERS_PER_ORDER_MAX)}</small>
      </legend>
      <ErrorNotice error={error} onRetry={reload} />
      {loading && value === undefined && <Skeleton rows={2} />}
      {value?.length === 0 && <p className="panel__note">{text.passengers.empty_hint}</p>}
      <ul className="travellers">
        {value?.map((passenger) => {
          const chosen = travellers.find((traveller) => traveller.passenger.passengerId === passenger.passengerId);
          const verified = passenger.verifyState === VerifyState.VERIFIED;
          return (
            <li key={passenger.passengerId} className="traveller" data-testid="traveller">
              <label className="traveller__name">
                <input
                  type="checkbox"
                  checked={chosen !== undefined}
                  disabled={!verified || (chosen === undefined && travellers.length >= PASSENGERS_PER_ORDER_MAX)}
                  onChange={(event) => toggle(passenger, event.target.checked)}
                  data-testid="choose-passenger"
                />
                <span>
                  {passenger.nameMasked} <small>{passenger.idNumberMasked}</small>
                </span>
              </label>
              {!verified && (
                <span className="traveller__unverified">
                  <VerifyTag state={passenger.verifyState} /> {text.booking.not_verified}
                </span>
              )}
              {chosen !== undefined && (
                <TypeSelect name={passenger.nameMasked} type={chosen.type} fares={fares} seat_class={seat_class} onChoose={(type) => onChange(travellers.map((traveller) => (traveller === chosen ? { passenger, type } : traveller)))} />
              )}
            </li>
          );
        })}
      </ul>
      <button type="button" className="button button--small" onClick={() => setAdding(true)} data-testid="add-passenger">
        <Icon name="plus" />
        {text.passengers.add}
      </button>
      {adding && (
        <Dialog title={text.passengers.add} onClose={() => setAdding(false)}>
          <PassengerForm
            onCancel={() => setAdding(false)}
            onAdded={(passenger) => {
              setAdding(false);
              reload();
              if (passenger.verifyState === VerifyState.VERIFIED && travellers.length < PASSENGERS_PER_ORDER_MAX) toggle(passenger, true);
            }}
          />
        </Dialog>
      )}
    </fieldset>
  );
}

type TypeSelectProps = { name: string; type: PassengerType; fares: Fare[]; seat_class: SeatClass; onChoose: (type: PassengerType) => void };

function TypeSelect({ name, type, fares, seat_class, onChoose }: TypeSelectProps) {
  const text = useText();
  const range = fareRange(fares, seat_class, type);
  return (
    <span className="traveller__type">
      <select className="select" value={type} aria-label={`${name} ${text.passengers.type}`} onChange={(event) => onChoose(Number(event.target.value) as PassengerType)}>
        {PASSENGER_TYPES.map((option) => (
          <option key={option} value={option}>
            {passengerTypeLabel(option, text)}
          </option>
        ))}
      </select>
      {fares.length > 0 && <span className="traveller__fare">{range === undefined ? '--' : shortFen(range.max_fen)}</span>}
    </span>
  );
}
