import { useState } from 'react';
import { StandbyState } from '#gen/rail/aftersales/v1/standby_pb.ts';
import type { Standby } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { ConfirmDialog } from '../../components/Dialog.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** Leaves every queue, once asked twice; with seats locked already they go to the next who waits. */
export function CancelStandby({ standby, onCancelled }: { standby: Standby; onCancelled: () => void }) {
  const text = useText();
  const api = useApi();
  const [asking, setAsking] = useState(false);
  const cancel = useAction(async (requestId, standbyId: string) => {
    await api.standby.cancelStandby({ requestId, standbyId });
    onCancelled();
  });
  const body = standby.state === StandbyState.AWAIT_PAY ? text.standby.cancel_locked : text.standby.cancel_confirm;
  return (
    <div className="actions">
      <button type="button" className="button" disabled={cancel.busy} onClick={() => setAsking(true)} data-testid="cancel-standby">
        {text.standby.cancel}
      </button>
      <ErrorNotice error={cancel.error} />
      {asking && <ConfirmDialog title={text.standby.cancel} body={body} confirm={text.standby.cancel} keep={text.standby.keep} busy={cancel.busy} onClose={() => setAsking(false)} onConfirm={() => void cancel.run(standby.standbyId).finally(() => setAsking(false))} />}
    </div>
  );
}
