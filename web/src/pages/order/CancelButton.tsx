import { useState } from 'react';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { ConfirmDialog } from '../../components/Dialog.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** Cancels an unpaid order, once asked twice. */
export function CancelButton({ order, onCancelled }: { order: Order; onCancelled: () => void }) {
  const text = useText();
  const api = useApi();
  const [asking, setAsking] = useState(false);
  const cancel = useAction(async (requestId, orderId: string) => {
    await api.order.cancelOrder({ requestId, orderId });
    onCancelled();
  });
  return (
    <>
      <button type="button" className="button" disabled={cancel.busy} onClick={() => setAsking(true)} data-testid="cancel-order">
        {cancel.busy ? text.order.cancelling : text.order.cancel}
      </button>
      <ErrorNotice error={cancel.error} />
      {asking && (
        <ConfirmDialog title={text.order.cancel} body={text.order.cancel_confirm} confirm={text.order.cancel} keep={text.order.keep} busy={cancel.busy} onClose={() => setAsking(false)} onConfirm={() => void cancel.run(order.orderId).finally(() => setAsking(false))} />
      )}
    </>
  );
}
