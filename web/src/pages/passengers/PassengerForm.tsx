import { useId, useState } from 'react';
import type { SubmitEvent } from 'react';
import { IdType } from '#gen/rail/identity/v1/identity_pb.ts';
import type { Passenger } from '#gen/rail/identity/v1/identity_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { normalizeIdNumber } from '#kit/base/id_number.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { useToday } from '../../app/use_now.ts';
import { Choice } from '../../components/Choice.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Field } from '../../components/Field.tsx';
import { idTypeLabel, passengerTypeLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { idNumberProblem, isName } from './rules.ts';

const ID_TYPES = [IdType.RESIDENT, IdType.PASSPORT, IdType.HONG_KONG_MACAU_PERMIT, IdType.TAIWAN_PERMIT];
export const PASSENGER_TYPES = [PassengerType.ADULT, PassengerType.CHILD, PassengerType.STUDENT, PassengerType.DISABLED_VETERAN];

/** Adds a passenger; the number is checked here before the authority is asked. */
export function PassengerForm({ onAdded, onCancel }: { onAdded: (passenger: Passenger) => void; onCancel: () => void }) {
  const text = useText();
  const { identity } = useApi();
  const id = useId();
  const today = useToday();
  const [form, setForm] = useState({ name: '', id_type: IdType.RESIDENT as IdType, id_number: '', phone: '', type: PassengerType.ADULT as PassengerType });
  const [tried, setTried] = useState(false);
  const add = useAction(async (requestId, { name, id_type, id_number, phone, type }: typeof form) => {
    const { passenger } = await identity.addPassenger({ requestId, name: name.trim(), idType: id_type, idNumber: normalizeIdNumber(id_number), phone: phone.trim(), passengerType: type });
    if (passenger !== undefined) onAdded(passenger);
  });
  const change = (part: Partial<typeof form>): void => setForm((before) => ({ ...before, ...part }));
  const number_problem = idNumberProblem(form.id_type, form.id_number, today);
  const phone_wrong = form.phone !== '' && !/^1[3-9]\d{9}$/.test(form.phone.trim());
  // The number is judged while it is typed once it is long enough to be complete: most mistakes are seen at once.
  const show_number = tried || (form.id_type === IdType.RESIDENT && normalizeIdNumber(form.id_number).length >= 18);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (isName(form.name) && number_problem === undefined && !phone_wrong) void add.run(form);
  };
  return (
    <form className="form" onSubmit={submit} noValidate data-testid="passenger-form">
      <Field label={text.passengers.name} value={form.name} problem={tried && !isName(form.name) ? text.passengers.problem.name : undefined} onText={(name) => change({ name })} autoComplete="off" required data-testid="passenger-name" />
      <div className="field">
        <label className="field__label" htmlFor={id}>
          {text.passengers.id_type}
        </label>
        <select id={id} className="select" value={form.id_type} onChange={(event) => change({ id_type: Number(event.target.value) as IdType })} data-testid="id-type">
          {ID_TYPES.map((type) => (
            <option key={type} value={type}>
              {idTypeLabel(type, text)}
            </option>
          ))}
        </select>
      </div>
      <Field
        label={text.passengers.id_number}
        value={form.id_number}
        problem={show_number && number_problem !== undefined ? text.passengers.problem[number_problem] : undefined}
        onText={(id_number) => change({ id_number })}
        autoComplete="off"
        spellCheck={false}
        required
        data-testid="id-number"
      />
      <Choice legend={text.passengers.type} name="passenger-type" value={form.type} onChoose={(type) => change({ type })} options={PASSENGER_TYPES.map((value) => ({ value, label: passengerTypeLabel(value, text) }))} />
      <Field label={`${text.passengers.phone} (${text.common.optional})`} value={form.phone} problem={phone_wrong ? text.account.problem.phone : undefined} onText={(phone) => change({ phone })} type="tel" autoComplete="off" data-testid="passenger-phone" />
      <ErrorNotice error={add.error} />
      <p className="form__busy" role="status">
        {add.busy && text.passengers.checking}
      </p>
      <div className="dialog__actions">
        <button type="button" className="button" onClick={onCancel}>
          {text.common.cancel}
        </button>
        <button type="submit" className="button button--primary" disabled={add.busy} data-testid="save-passenger">
          {text.common.save}
        </button>
      </div>
    </form>
  );
}
