import type { ReactNode } from 'react';
import { useText } from '../../i18n/LanguageProvider.tsx';
import '../../styles/account.css';

/** The frame of logging in and registering. */
export function AccountCard({ title, children }: { title: string; children: ReactNode }) {
  const text = useText();
  return (
    <div className="page entrance">
      <title>{`${title} · ${text.brand.name}`}</title>
      <div className="entrance__card">
        <aside className="entrance__side" aria-hidden="true">
          <svg viewBox="0 0 120 200" className="entrance__rails">
            <path d="M50 0 8 200M70 0l42 200M47 20h26M43 44h34M38 72h44M32 104h56M25 140h70M17 180h86" />
          </svg>
          <p>{text.account.welcome}</p>
        </aside>
        <div className="entrance__form">
          <h1>{title}</h1>
          {children}
        </div>
      </div>
    </div>
  );
}
