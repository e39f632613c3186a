import { timestampMs } from '@bufbuild/protobuf/wkt';
import { useState } from 'react';
import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { ConfirmDialog } from '../../components/Dialog.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { shortFen } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { Countdown } from '../pay/Countdown.tsx';
import { payUrlOnceOpen } from '../pay/open_url.ts';
import { rememberPaying, wentToPay } from '../pay/paying.ts';
import { useCashier } from '../pay/use_cashier.ts';
import { dueOf } from './figures.ts';

/** The difference is paid while the new places are held, or the change is given up. `onMoved`: something may have changed. */
export function PayDifference({ change, onMoved }: { change: Change; onMoved: () => void }) {
  const text = useText();
  const { payment } = useApi();
  const words = text.change.pay;
  const cashier = useCashier();
  const [preparing, setPreparing] = useState(false);
  const pay = useAction(async (_request_id, paymentId: string) => {
    const ask = async (): Promise<string> => (await payment.getPayment({ paymentId })).payment?.payUrl ?? '';
    const url = await payUrlOnceOpen(await ask(), ask);
    setPreparing(url === '');
    if (url === '') return;
    if (cashier.go(url)) rememberPaying(sessionStorage, change.changeId);
  });
  const amount_fen = change.quote === undefined ? 0n : dueOf(change.quote).amount_fen;
  return (
    <>
      {change.payExpireTime !== undefined && <Countdown until_ms={timestampMs(change.payExpireTime)} />}
      <section className="panel checkout" aria-label={words.title}>
        <h2 className="changetitle">{words.title}</h2>
        {wentToPay(sessionStorage, change.changeId) && (
          <p className="notice" role="status" data-testid="confirming-payment">
            {words.confirming}
          </p>
        )}
        <p className="quote__rule">{words.old_valid}</p>
        <ErrorNotice error={pay.error} />
        {cashier.bad_url && <p className="field__problem" role="alert">{text.pay.bad_url}</p>}
        <p role="status">{preparing && words.preparing}</p>
        <div className="actions">
          <button type="button" className="button button--primary button--large" disabled={pay.busy || cashier.leaving} onClick={() => void pay.run(change.paymentId)} data-testid="pay-difference">
            {pay.busy || cashier.leaving ? text.pay.opening : words.go(shortFen(amount_fen))}
          </button>
          <GiveUpButton change={change} onGivenUp={onMoved} />
        </div>
      </section>
    </>
  );
}

function GiveUpButton({ change, onGivenUp }: { change: Change; onGivenUp: () => void }) {
  const text = useText();
  const api = useApi();
  const words = text.change.pay;
  const [asking, setAsking] = useState(false);
  const giveUp = useAction(async (requestId, changeId: string) => {
    try {
      await api.change.cancelChange({ requestId, changeId });
    } finally {
      // Refused, too, means that it has gone on: paid in this moment, for one.
      onGivenUp();
    }
  });
  return (
    <>
      <button type="button" className="button" disabled={giveUp.busy} onClick={() => setAsking(true)} data-testid="give-up-change">
        {giveUp.busy ? words.giving_up : words.give_up}
      </button>
      <ErrorNotice error={giveUp.error} />
      {asking && (
        <ConfirmDialog title={words.give_up} body={words.give_up_body} confirm={words.give_up} keep={words.keep} busy={giveUp.busy} onClose={() => setAsking(false)} onConfirm={() => void giveUp.run(change.changeId).finally(() => setAsking(false))} />
      )}
    </>
  );
}
