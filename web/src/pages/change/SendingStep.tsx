import type { RefObject } from 'react';
import { ErrorNotice } from '../../components/ErrorNotice.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { StepTitle } from './StepTitle.tsx';
import type { Sending } from './use_sending.ts';

/** While it is not known what became of a change: nothing can be chosen, since the old wish may be true already. */
export function SendingStep({ sending, moved }: { sending: Sending; moved: RefObject<boolean> }) {
  const text = useText();
  const { error, waits, askAgain } = sending;
  return (
    <section className="panel" data-testid="change-sending">
      <StepTitle step="quote" title={text.change.sending.title} moved={moved} />
      <p role="status">{error === undefined ? text.change.sending.calm : text.change.sending.unknown}</p>
      <ErrorNotice error={waits ? error : undefined} />
      {waits && (
        <div className="actions">
          <button type="button" className="button button--primary" onClick={askAgain} data-testid="ask-change">
            {text.change.sending.ask}
          </button>
        </div>
      )}
    </section>
  );
}
