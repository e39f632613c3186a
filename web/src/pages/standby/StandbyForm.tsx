import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { PassengerSchema } from '#gen/rail/identity/v1/identity_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import type { ApiError } from '../../api/errors.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { PassengerPicker } from '../booking/PassengerPicker.tsx';
import { wishToSearch } from '../search/journey_wish.ts';
import { basketProblem } from './basket.ts';
import type { Basket } from './basket.ts';
import { RequestForm } from './RequestForm.tsx';
import { StandbyError } from './StandbyError.tsx';

type Props = { basket: Basket; error: ApiError | undefined; onChange: (basket: Basket) => void; onSubmit: (basket: Basket, deadline_ms: number) => void };

/** For who has no ticket: who travels is chosen here. */
export function StandbyForm({ basket, error, onChange, onSubmit }: Props) {
  const text = useText();
  const { wishes, travellers } = basket;
  const problem = basketProblem(basket, (type) => type === PassengerType.CHILD);
  return (
    <RequestForm
      basket={basket}
      problem={problem && text.standby.problems[problem]}
      refusal={<StandbyError error={error} wishes={wishes} />}
      submit={text.standby.submit}
      agree={text.standby.agree}
      moreTrains={moreTrains}
      onChange={onChange}
      onSubmit={onSubmit}
    >
      <PassengerPicker
        travellers={travellers.map(({ passenger_id, type }) => ({ passenger: create(PassengerSchema, { passengerId: passenger_id }), type }))}
        student={false}
        fares={[]}
        seat_class={0}
        onChange={(chosen) => onChange({ ...basket, travellers: chosen.map(({ passenger, type }) => ({ passenger_id: passenger.passengerId, type })) })}
      />
      {travellers.length > 1 && <p className="notice notice--standby">{text.standby.group}</p>}
    </RequestForm>
  );
}

/** The trains of that day between the same stations: further ones are added there. */
function moreTrains({ fromStationId, fromStationName, toStationId, toStationName, departureTime, serviceDate }: Journey): string {
  const date = departureTime === undefined ? serviceDate : serviceDateAt(timestampMs(departureTime));
  return `/trains?${wishToSearch({ from: { station_id: fromStationId, name: fromStationName }, to: { station_id: toStationId, name: toStationName }, date, only_high_speed: false, student: false })}`;
}
