import type { ChangeQuote } from '#gen/rail/aftersales/v1/change_pb.ts';
import { Icon } from '../../components/Icon.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { agreedDue, dueOf, dueWords, isAgreed } from './figures.ts';
import type { Agreed } from './figures.ts';

/** What was agreed to is not true any more: nothing was done, and the new figures wait to be confirmed. */
export function StaleNotice({ agreed, quote }: { agreed: Agreed; quote: ChangeQuote }) {
  const text = useText();
  const words = text.change.quote;
  const same = isAgreed(agreed, quote);
  return (
    <div className="notice notice--error" role="alert" data-testid="quote-stale" data-same={same}>
      <Icon name="warning" />
      <div className="notice__body">
        <p>{same ? words.stale_same : words.stale}</p>
        {!same && <p>{words.stale_was(dueWords(agreedDue(agreed), text), dueWords(dueOf(quote), text))}</p>}
      </div>
    </div>
  );
}
