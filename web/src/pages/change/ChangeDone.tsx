import type { Change } from '#gen/rail/aftersales/v1/change_pb.ts';
import { shortFen } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { dueOf } from './figures.ts';

/** It is done: which ticket counts, and what comes back. */
export function ChangeDone({ change }: { change: Change }) {
  const text = useText();
  const words = text.change.done;
  const due = change.quote === undefined ? undefined : dueOf(change.quote);
  return (
    <p className="orderstatus__words" data-testid="change-done">
      <strong>{words.title}</strong> {words.body} {due?.way === 'back' && <span data-testid="change-money-back">{words.back(shortFen(due.amount_fen))}</span>}
    </p>
  );
}
