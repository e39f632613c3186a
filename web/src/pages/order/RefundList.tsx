import { useEffect } from 'react';
import { RefundCause, RefundStage } from '#gen/rail/aftersales/v1/refund_pb.ts';
import type { Refund } from '#gen/rail/aftersales/v1/refund_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import type { Order } from '#gen/rail/order/v1/order_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Icon } from '../../components/Icon.tsx';
import { price } from '../../i18n/format.ts';
import { refundStageKey } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { isRefunded } from './all_refunded.ts';

const ASK_AGAIN_MS = 2_000;
const STAGES = [RefundStage.ACCEPTED, RefundStage.VOIDED, RefundStage.MONEY_SENT, RefundStage.DONE];

/** Where the money is, for every refund of the order; read again with each change of an item. */
export function RefundList({ order, refunding }: { order: Order; refunding: readonly string[] }) {
  const any = refunding.length > 0 || order.items.some((item) => item.state === OrderState.REFUND || isRefunded(item));
  return any ? <Refunds order={order} /> : null;
}

function Refunds({ order }: { order: Order }) {
  const text = useText();
  const { refund } = useApi();
  const versions = order.items.map(({ version }) => version).join();
  const { value, error, reload } = useLoad(`${order.orderId} ${versions}`, async (signal) => (await refund.listRefunds({ orderId: order.orderId }, { signal })).refunds);
  // The stages between the order's own states have no stream.
  useEffect(() => {
    if (value?.some(({ stage }) => stage !== RefundStage.DONE && stage !== RefundStage.MANUAL) !== true) return;
    const timer = setTimeout(reload, ASK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [value, reload]);
  return (
    <section aria-labelledby="refunds">
      <h2 id="refunds">{text.refund.progress}</h2>
      <ErrorNotice error={error} onRetry={reload} />
      {value?.map((one) => <RefundLine key={one.refundId} refund={one} />)}
    </section>
  );
}

function RefundLine({ refund }: { refund: Refund }) {
  const text = useText();
  return (
    <div className="panel" data-testid="refund-progress" data-stage={refundStageKey(refund.stage)}>
      <p className="quote__total">
        {text.refund.returned} <strong>{price(refund.totalReturned)}</strong>
      </p>
      {refund.cause === RefundCause.RUN_CANCELLED && <p className="quote__rule">{text.refund.by_railway.run_cancelled}</p>}
      {refund.cause === RefundCause.OPERATOR && <p className="quote__rule">{text.refund.by_railway.operator}</p>}
      {refund.stage === RefundStage.MANUAL ? (
        <p>{text.refund.stages.manual}</p>
      ) : (
        <ol className="steps">
          {STAGES.map((stage) => (
            <li key={stage} className="steps__one" data-done={stage <= refund.stage} aria-current={stage === refund.stage ? 'step' : undefined}>
              <span className="steps__stop">{stage <= refund.stage && <Icon name="check" />}</span>
              <span className="steps__name">{text.refund.stages[refundStageKey(stage)]}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
