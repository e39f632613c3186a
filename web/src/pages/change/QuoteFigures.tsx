import type { ChangeQuote } from '#gen/rail/aftersales/v1/change_pb.ts';
import type { OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { price } from '../../i18n/format.ts';
import { passengerTypeLabel } from '../../i18n/labels.ts';
import { useSpeech } from '../../i18n/LanguageProvider.tsx';
import { dueOf, dueWords, itemDue, signedDue } from './figures.ts';

/** What a change costs, ticket by ticket, and by which rule. */
export function QuoteFigures({ quote, items, seat_class, done = false }: { quote: ChangeQuote; items: OrderItem[]; seat_class?: SeatClass; done?: boolean }) {
  const { text, language } = useSpeech();
  const words = text.change.quote;
  const due = dueOf(quote);
  const rule = language === 'zh' ? quote.ruleTextZh : quote.ruleTextEn;
  return (
    <div className="quote" data-testid="change-quote">
      <table className="changequote">
        <thead>
          <tr>
            <th scope="col">{words.old_fare}</th>
            <th scope="col">{words.new_fare}</th>
            <th scope="col">{words.fee}</th>
            <th scope="col">{words.difference}</th>
          </tr>
        </thead>
        {quote.items.map((one) => {
          const item = items.find(({ itemId }) => itemId === one.itemId);
          return (
            <tbody key={one.itemId} data-testid="change-quote-item">
              <tr>
                <th scope="rowgroup" colSpan={4}>
                  {item?.passengerNameMasked} <span className="tag">{item !== undefined && passengerTypeLabel(item.passengerType, text)}</span>
                </th>
              </tr>
              <tr>
                <td>{price(one.oldFare)}</td>
                <td>{price(one.newFare)}</td>
                <td>{one.fee?.amountFen === 0n ? words.free : price(one.fee)}</td>
                <td>{signedDue(itemDue(one))}</td>
              </tr>
            </tbody>
          );
        })}
        {quote.items.length > 1 && (
          <tbody>
            <tr>
              <th scope="rowgroup" colSpan={4}>
                {words.total}
              </th>
            </tr>
            <tr>
              <td>{price(quote.oldFare)}</td>
              <td>{price(quote.newFare)}</td>
              <td>{quote.fee?.amountFen === 0n ? words.free : price(quote.fee)}</td>
              <td>{signedDue(due)}</td>
            </tr>
          </tbody>
        )}
      </table>
      <p className="quote__total">
        <strong data-testid="change-due" data-way={due.way} data-fen={String(due.amount_fen)}>
          {dueWords(due, text, done)}
        </strong>
      </p>
      {rule !== '' && (
        <p className="quote__rule" data-testid="change-rule">
          <b>{words.rule}</b> {rule}
        </p>
      )}
      {due.way === 'back' && !done && <p className="quote__rule">{words.fee_in}</p>}
      {(seat_class === SeatClass.SOFT_SLEEPER || seat_class === SeatClass.HARD_SLEEPER) && <p className="quote__rule">{words.dearest}</p>}
    </div>
  );
}
