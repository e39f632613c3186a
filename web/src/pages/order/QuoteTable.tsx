import type { RefundQuote } from '#gen/rail/aftersales/v1/refund_pb.ts';
import type { OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import { dateAndTime, price } from '../../i18n/format.ts';
import { useSpeech } from '../../i18n/LanguageProvider.tsx';

/** What comes back for each ticket, and why. */
export function QuoteTable({ quote, items }: { quote: RefundQuote; items: OrderItem[] }) {
  const { text, language } = useSpeech();
  const rules = new Set(quote.items.map(({ ruleTextZh, ruleTextEn }) => (language === 'zh' ? ruleTextZh : ruleTextEn)));
  return (
    <div className="quote" data-testid="quote">
      <table>
        <thead>
          <tr>
            <th scope="col">{text.order.passenger}</th>
            <th scope="col">{text.refund.paid}</th>
            <th scope="col">{text.refund.fee}</th>
            <th scope="col">{text.refund.returned}</th>
          </tr>
        </thead>
        <tbody>
          {quote.items.map((item) => (
            <tr key={item.itemId}>
              <th scope="row">{items.find(({ itemId }) => itemId === item.itemId)?.passengerNameMasked}</th>
              <td>{price(item.paid)}</td>
              <td>{price(item.fee)}</td>
              <td>{price(item.returned)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {[...rules].map((rule) => (
        <p key={rule} className="quote__rule">
          {rule}
        </p>
      ))}
      {quote.rules.length > 0 && (
        <details className="quote__rule" data-testid="refund-rules">
          <summary>{text.refund.all_rules}</summary>
          <ul>
            {quote.rules.map(({ ruleId, textZh, textEn }) => (
              <li key={ruleId}>{language === 'zh' ? textZh : textEn}</li>
            ))}
          </ul>
        </details>
      )}
      <p className="quote__total">
        {text.refund.total_returned} <strong data-testid="refund-amount">{price(quote.totalReturned)}</strong>
      </p>
      {quote.expireTime !== undefined && <p className="quote__rule">{text.refund.expires(dateAndTime(quote.expireTime))}</p>}
    </div>
  );
}
