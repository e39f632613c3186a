import { useState } from 'react';
import { VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import type { Passenger } from '#gen/rail/identity/v1/identity_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { useLoad } from '../../app/use_load.ts';
import { ConfirmDialog, Dialog } from '../../components/Dialog.tsx';
import { Empty } from '../../components/Empty.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Icon } from '../../components/Icon.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { idTypeLabel, passengerTypeLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/passengers.css';
import { PassengerForm } from './PassengerForm.tsx';
import { VerifyTag } from './VerifyTag.tsx';

export default function PassengersPage() {
  const text = useText();
  const { identity } = useApi();
  const [adding, setAdding] = useState(false);
  const { value, error, loading, reload } = useLoad('passengers', async (signal) => (await identity.listPassengers({}, { signal })).passengers);
  return (
    <div className="page page--narrow">
      <title>{`${text.passengers.title} · ${text.brand.name}`}</title>
      <div className="page__head">
        <h1>{text.passengers.title}</h1>
        <button type="button" className="button button--primary" onClick={() => setAdding(true)} data-testid="add-passenger">
          <Icon name="plus" />
          {text.passengers.add}
        </button>
      </div>
      <ErrorNotice error={error} onRetry={reload} />
      {loading && value === undefined && <Skeleton rows={3} />}
      {value?.length === 0 && <Empty title={text.passengers.empty} hint={text.passengers.empty_hint} />}
      <ul className="people">{value?.map((passenger) => <PassengerLine key={passenger.passengerId} passenger={passenger} onChanged={reload} />)}</ul>
      <p className="page__note">{text.passengers.limit(PASSENGERS_MAX)}</p>
      {adding && (
        <Dialog title={text.passengers.add} onClose={() => setAdding(false)}>
          <PassengerForm
            onCancel={() => setAdding(false)}
            onAdded={() => {
              setAdding(false);
              reload();
            }}
          />
        </Dialog>
      )}
    </div>
  );
}

function PassengerLine({ passenger, onChanged }: { passenger: Passenger; onChanged: () => void }) {
  const text = useText();
  const { identity } = useApi();
  const [removing, setRemoving] = useState(false);
  const remove = useAction(async (requestId, passengerId: string) => {
    await identity.removePassenger({ requestId, passengerId });
    onChanged();
  });
  const verify = useAction(async (requestId, passengerId: string) => {
    await identity.verifyPassenger({ requestId, passengerId });
    onChanged();
  });
  const { passengerId, nameMasked, idType, idNumberMasked, passengerType, verifyState } = passenger;
  return (
    <li className="person" data-testid="passenger">
      <span className="person__seal" aria-hidden="true">
        {nameMasked.slice(0, 1)}
      </span>
      <div className="person__body">
        <p className="person__name">
          {nameMasked} <span className="tag">{passengerTypeLabel(passengerType, text)}</span> <VerifyTag state={verifyState} />
        </p>
        <p className="person__id">
          {idTypeLabel(idType, text)} {idNumberMasked}
        </p>
        <ErrorNotice error={remove.error ?? verify.error} />
      </div>
      <div className="person__actions">
        {verifyState !== VerifyState.VERIFIED && (
          <button type="button" className="link" disabled={verify.busy} onClick={() => void verify.run(passengerId)}>
            {text.passengers.verify_again}
          </button>
        )}
        <button type="button" className="link" onClick={() => setRemoving(true)} data-testid="remove-passenger">
          {text.common.remove}
        </button>
      </div>
      {removing && (
        <ConfirmDialog
          title={text.common.remove}
          body={text.passengers.remove_confirm(nameMasked)}
          confirm={text.common.remove}
          keep={text.common.cancel}
          busy={remove.busy}
          onClose={() => setRemoving(false)}
          onConfirm={() => void remove.run(passengerId).finally(() => setRemoving(false))}
        />
      )}
    </li>
  );
}

const PASSENGERS_MAX = 30;
