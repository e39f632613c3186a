import { timestampMs } from '@bufbuild/protobuf/wkt';
import { Link } from 'react-router';
import type { Order, OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { serviceDateAt } from '#kit/base/time.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { Field } from '../../components/Field.tsx';
import { JourneyHead } from '../../components/JourneyHead.tsx';
import { Skeleton } from '../../components/Skeleton.tsx';
import { passengerTypeLabel, seatClassLabel, seatLabel } from '../../i18n/labels.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { planPath } from '../change/plan.ts';
import { WISHES_MAX } from './basket.ts';
import type { Basket } from './basket.ts';
import { RequestForm } from './RequestForm.tsx';
import type { UpgradeOf } from './standby_path.ts';
import { closingOf, limitOf, upgradeProblem } from './upgrade.ts';
import { UpgradeError } from './UpgradeError.tsx';
import type { Submission } from './use_submission.ts';

type Props = { of: UpgradeOf; basket: Basket; submission: Submission; onChange: (basket: Basket) => void };

/** For tickets that are held: they say who travels, and stay as they are until there is a seat. */
export function UpgradeForm({ of, basket, submission, onChange }: Props) {
  const text = useText();
  const { order: orders } = useApi();
  const { value: order, error, loading, reload } = useLoad(`order ${of.order_id}`, async (signal) => (await orders.getOrder({ orderId: of.order_id }, { signal })).order);
  if (order === undefined) return loading ? <Skeleton rows={4} tall /> : <ErrorNotice error={error} onRetry={reload} />;
  const items = order.items.filter(({ itemId }) => of.item_ids.includes(itemId));
  if (items.length === 0 || items.length < of.item_ids.length) {
    return (
      <div className="notice" data-testid="no-such-tickets">
        <div className="notice__body">
          <p>{text.upgrade.no_tickets}</p>
          <Link to={`/orders/${of.order_id}`}>{text.upgrade.to_order}</Link>
        </div>
      </div>
    );
  }
  return <Form of={of} order={order} items={items} basket={basket} submission={submission} onChange={onChange} />;
}

function Form({ of, order, items, basket, submission, onChange }: Props & { order: Order; items: OrderItem[] }) {
  const text = useText();
  const problem = upgradeProblem(basket);
  const closing = closingOf(items);
  const limit = basket.upgrade?.limit ?? '';
  const setLimit = (typed: string): void => onChange({ ...basket, upgrade: { ...of, limit: typed } });
  return (
    <RequestForm
      basket={basket}
      problem={problem && problemWords(problem, text)}
      refusal={<UpgradeError of={of} error={submission.error} refused={submission.refused} closes_ms={closing?.closes_ms} onLimit={setLimit} />}
      submit={text.upgrade.submit}
      agree={text.upgrade.agree}
      closing={closing}
      moreTrains={({ departureTime }) => planPath(of.order_id, { step: 'ride', item_ids: of.item_ids, ...(departureTime === undefined ? {} : { date: serviceDateAt(timestampMs(departureTime)) }) })}
      onChange={onChange}
      onSubmit={submission.submit}
    >
      <Tickets items={items} order={order} />
      <section className="panel">
        <Field
          label={text.upgrade.limit}
          hint={text.upgrade.limit_hint}
          value={limit}
          inputMode="decimal"
          autoComplete="off"
          problem={limitOf(limit) === undefined ? text.upgrade.problems.bad_limit : undefined}
          onText={setLimit}
          data-testid="upgrade-limit"
        />
      </section>
    </RequestForm>
  );
}

function problemWords(problem: NonNullable<ReturnType<typeof upgradeProblem>>, { upgrade: { problems } }: ReturnType<typeof useText>): string {
  return problem === 'too_many' ? problems.too_many(WISHES_MAX) : problems[problem];
}

/** Whose tickets, and from which ride; nothing of it can be chosen. */
function Tickets({ items, order }: { items: OrderItem[]; order: Order }) {
  const text = useText();
  const journey = items[0]?.journey ?? order.journey;
  return (
    <section className="panel" aria-labelledby="upgrade-tickets" data-testid="upgrade-tickets">
      <h2 className="panel__title" id="upgrade-tickets">
        {text.upgrade.tickets} <small>{text.upgrade.tickets_hint}</small>
      </h2>
      {journey !== undefined && <JourneyHead journey={journey} change={items[0]?.journeyChange} />}
      <ul className="travellers">
        {items.map((item) => (
          <li key={item.itemId} className="traveller">
            <span className="traveller__name">
              <span>
                {item.passengerNameMasked} <span className="tag">{passengerTypeLabel(item.passengerType, text)}</span>
                <small>
                  {item.seat !== undefined && seatClassLabel(item.seat.seatClass, text)} {seatLabel(item.seat, text)}
                </small>
              </span>
            </span>
          </li>
        ))}
      </ul>
      {items.length > 1 && <p className="panel__note">{text.upgrade.group}</p>}
    </section>
  );
}
