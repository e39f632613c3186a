import { useNow } from '../../app/use_now.ts';
import { countdown } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** The time left to pay. Readers of the screen hear whole minutes only. */
export function Countdown({ until_ms }: { until_ms: number }) {
  const text = useText();
  const left_ms = until_ms - useNow();
  const minutes = Math.max(0, Math.ceil(left_ms / 60_000));
  return (
    <div className="countdown" data-urgent={left_ms < 60_000} data-testid="countdown">
      <p className="countdown__label">{left_ms > 0 ? text.pay.left : text.pay.expired}</p>
      <p className="countdown__time" aria-hidden="true">
        {countdown(left_ms)}
      </p>
      <p className="countdown__held">{text.pay.held}</p>
      <span className="visually-hidden" role="status">
        {text.pay.announce(minutes)}
      </span>
    </div>
  );
}
