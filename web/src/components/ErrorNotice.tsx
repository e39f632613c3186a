import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'react-router';
import { errorSentence } from '../api/errors.ts';
import type { ApiError } from '../api/errors.ts';
import { useSpeech } from '../i18n/LanguageProvider.tsx';
import type { Dictionary } from '../i18n/zh.ts';
import { Icon } from './Icon.tsx';

type Props = { error: ApiError | undefined; onRetry?: () => void; children?: ReactNode };

/**
 * Says what went wrong and what to do: sign in, wait (the button counts down what the server asked for) or try again.
 * Renders its live region always, so that readers of the screen hear an error that appears.
 */
export function ErrorNotice({ error, onRetry, children }: Props) {
  const { language, text } = useSpeech();
  if (error === undefined || error.kind === 'cancelled') return <div role="alert" />;
  return (
    <div role="alert">
      <div className="notice notice--error" data-testid="error" data-reason={error.reason ?? error.kind}>
        <Icon name="warning" />
        <div className="notice__body">
          <p>{errorSentence(error, language) ?? fallback(error, text)}</p>
          {children}
          {error.kind === 'signed_out' ? <LogInLink /> : onRetry !== undefined && <RetryButton wait_ms={error.retry_after_ms ?? 0} onRetry={onRetry} key={String(error.retry_after_ms)} />}
        </div>
      </div>
    </div>
  );
}

function RetryButton({ wait_ms, onRetry }: { wait_ms: number; onRetry: () => void }) {
  const { text } = useSpeech();
  const [until_ms] = useState(() => Date.now() + wait_ms);
  const [left_s, setLeft] = useState(Math.ceil(wait_ms / 1000));
  useEffect(() => {
    if (left_s <= 0) return;
    const timer = setTimeout(() => setLeft(Math.max(0, Math.ceil((until_ms - Date.now()) / 1000))), 250);
    return () => clearTimeout(timer);
  });
  return (
    <button type="button" className="button button--small" disabled={left_s > 0} onClick={onRetry} data-testid="retry">
      {left_s > 0 ? text.common.retry_in(left_s) : text.common.retry}
    </button>
  );
}

function LogInLink() {
  const { text } = useSpeech();
  const { pathname, search } = useLocation();
  if (pathname === '/login' || pathname === '/register') return null;
  return (
    <Link className="button button--small" to={`/login?next=${encodeURIComponent(pathname + search)}`} data-testid="to-login">
      {text.common.to_log_in}
    </Link>
  );
}

function fallback(error: ApiError, text: Dictionary): string {
  if (error.kind === 'offline') return text.common.error_offline;
  if (error.kind === 'throttled') return text.common.error_throttled;
  return error.kind === 'signed_out' ? text.common.log_in_first : text.common.error_unknown;
}
