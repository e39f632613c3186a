import { useState } from 'react';
import type { RefundQuote } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order, OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useAction } from '../../app/use_action.ts';
import { Check } from '../../components/Choice.tsx';
import { Dialog } from '../../components/Dialog.tsx';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { price } from '../../i18n/format.ts';
import { seatLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { QuoteTable } from './QuoteTable.tsx';

/** Gives tickets back: choose, see the fee, confirm. */
export function RefundPanel({ order, onRefunded }: { order: Order; onRefunded: (item_ids: string[]) => void }) {
  const text = useText();
  const [open, setOpen] = useState(false);
  const refundable = order.items.filter(({ state }) => state === OrderState.SUCCESS);
  if (refundable.length === 0) return null;
  return (
    <>
      <button type="button" className="button" onClick={() => setOpen(true)} data-testid="refund">
        {text.refund.start}
      </button>
      {open && (
        <Dialog title={text.refund.title} onClose={() => setOpen(false)}>
          <RefundForm
            order={order}
            items={refundable}
            onClose={() => setOpen(false)}
            onDone={(item_ids) => {
              setOpen(false);
              onRefunded(item_ids);
            }}
          />
        </Dialog>
      )}
    </>
  );
}

type FormProps = { order: Order; items: OrderItem[]; onClose: () => void; onDone: (item_ids: string[]) => void };

function RefundForm({ order, items, onClose, onDone }: FormProps) {
  const text = useText();
  const { refund } = useApi();
  const [chosen, setChosen] = useState<string[]>(items.length === 1 ? [items[0]!.itemId] : []);
  const [quote, setQuote] = useState<RefundQuote>();
  const ask = useAction(async (_request_id, itemIds: string[]) => setQuote((await refund.quoteRefund({ orderId: order.orderId, itemIds })).quote));
  const confirm = useAction(async (requestId, itemIds: string[], quoteToken: string) => {
    await refund.createRefund({ requestId, orderId: order.orderId, itemIds, quoteToken });
    onDone(itemIds);
  });
  const choose = (itemId: string, on: boolean): void => {
    setQuote(undefined);
    ask.clear();
    confirm.clear();
    setChosen(on ? [...chosen, itemId] : chosen.filter((other) => other !== itemId));
  };
  const stale = confirm.error?.reason === 'QUOTE_STALE';
  const error = confirm.error ?? ask.error;
  const children = error?.reason === 'CHILD_LEFT_ALONE' ? (error.metadata['item_ids'] ?? '').split(',').filter((itemId) => items.some((item) => item.itemId === itemId)) : [];
  const withChildren = (): void => {
    const all = [...chosen, ...children];
    setChosen(all);
    confirm.clear();
    void ask.run(all);
  };
  return (
    <div className="form">
      <fieldset className="choice">
        <legend className="field__label">{text.refund.choose}</legend>
        {items.map((item) => (
          <Check key={item.itemId} label={`${item.passengerNameMasked}  ${seatLabel(item.seat, text)}`} checked={chosen.includes(item.itemId)} onCheck={(on) => choose(item.itemId, on)} test_id="refund-item" />
        ))}
      </fieldset>
      {quote !== undefined && <QuoteTable quote={quote} items={items} />}
      <ErrorNotice error={error}>
        {stale && <p>{text.refund.changed}</p>}
        {children.length > 0 && (
          <button type="button" className="button button--small" disabled={ask.busy} onClick={withChildren} data-testid="refund-children">
            {text.refund.with_children}
          </button>
        )}
      </ErrorNotice>
      <div className="dialog__actions">
        <button type="button" className="button" onClick={onClose}>
          {text.common.cancel}
        </button>
        {quote === undefined || stale ? (
          <button
            type="button"
            className="button button--primary"
            disabled={chosen.length === 0 || ask.busy}
            onClick={() => {
              confirm.clear();
              void ask.run(chosen);
            }}
            data-testid="quote-refund"
          >
            {text.refund.quote}
          </button>
        ) : (
          <ConfirmRefund quote={quote} busy={confirm.busy} onConfirm={() => void confirm.run(chosen, quote.quoteToken)} />
        )}
      </div>
    </div>
  );
}

function ConfirmRefund({ quote, busy, onConfirm }: { quote: RefundQuote; busy: boolean; onConfirm: () => void }) {
  const text = useText();
  return (
    <button type="button" className="button button--primary" disabled={busy} onClick={onConfirm} data-testid="confirm-refund">
      {text.refund.confirm(price(quote.totalReturned))}
    </button>
  );
}
