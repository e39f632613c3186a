import { Suspense, lazy, useEffect, useRef, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import { Link, NavLink, useLocation } from 'react-router';
import { Icon } from '../components/Icon.tsx';
import type { IconName } from '../components/Icon.tsx';
import { useSpeech, useText } from '../i18n/LanguageProvider.tsx';
import { readQueuePass } from '../pages/queue/queue_pass.ts';
import { useSignedIn } from './api_context.ts';
import { useUnread } from './unread.tsx';

const ProtectionBanner = lazy(() => import('./ProtectionBanner.tsx'));

/** What surrounds every page. */
export function Shell({ children }: { children: ReactNode }) {
  const text = useText();
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const shown = useRef(pathname);
  useEffect(() => {
    // A reader of the screen must learn that the page has changed; at the first load the browser says it.
    if (shown.current === pathname) return;
    shown.current = pathname;
    main.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [pathname]);
  return (
    <>
      <a className="skip-link" href="#main">
        {text.brand.skip}
      </a>
      <Header />
      <OfflineBanner />
      <Suspense fallback={null}>
        <ProtectionBanner />
      </Suspense>
      <QueueReminder />
      <main id="main" ref={main} tabIndex={-1} className="main">
        {children}
      </main>
      <footer className="foot">
        <div className="foot__inner">
          <p>{text.foot.note}</p>
          <p>{text.foot.help}</p>
        </div>
      </footer>
    </>
  );
}

function Header() {
  const { text, switchLanguage } = useSpeech();
  const signed_in = useSignedIn();
  return (
    <header className="head">
      <div className="head__inner">
        <Link to="/" className="brand">
          <span className="brand__seal" aria-hidden="true">春运</span>
          <span className="visually-hidden">{text.brand.name} </span>
          <span className="brand__tagline">{text.brand.tagline}</span>
        </Link>
        <nav className="nav" aria-label={text.nav.main}>
          <NavItem to="/" icon="search" label={text.nav.book} />
          <NavItem to="/orders" icon="ticket" label={text.nav.orders} />
          <MessagesItem />
          <NavItem to="/passengers" icon="people" label={text.nav.passengers} />
          {signed_in ? <NavItem to="/account" icon="person" label={text.nav.account} /> : <NavItem to="/login" icon="person" label={text.nav.log_in} />}
        </nav>
        <button type="button" className="head__language" onClick={switchLanguage} aria-label={text.nav.language_label} data-testid="language">
          {text.nav.language}
        </button>
      </div>
    </header>
  );
}

function NavItem({ to, icon, label, children }: { to: string; icon: IconName; label: string; children?: ReactNode }) {
  return (
    <NavLink to={to} end={to === '/'} className="nav__item" data-testid={`nav-${to.slice(1) || 'home'}`}>
      <Icon name={icon} />
      <span className="nav__label">{label}</span>
      {children}
    </NavLink>
  );
}

function MessagesItem() {
  const text = useText();
  const { count } = useUnread();
  return (
    <NavItem to="/messages" icon="bell" label={text.nav.messages}>
      {count > 0 && (
        <span className="nav__badge" data-testid="unread-badge">
          <span aria-hidden="true">{count > 99 ? '99+' : count}</span>
          <span className="visually-hidden">{text.nav.unread(count)}</span>
        </span>
      )}
    </NavItem>
  );
}

/** Whoever looks around while waiting finds the way back to the queue. */
function QueueReminder() {
  const text = useText();
  const { pathname } = useLocation();
  const signed_in = useSignedIn();
  if (pathname === '/queue' || !signed_in || readQueuePass(PASSES) === undefined) return null;
  return (
    <p className="banner">
      {text.queue.reminder}{' '}
      <Link to="/queue" data-testid="to-queue">
        {text.queue.to_queue}
      </Link>
    </p>
  );
}

const PASSES = { tab: sessionStorage, browser: localStorage };

function OfflineBanner() {
  const text = useText();
  const online = useSyncExternalStore(onConnection, () => navigator.onLine);
  return (
    <div role="status" aria-live="polite">
      {!online && (
        <p className="banner banner--offline" data-testid="offline">
          {text.common.offline}
        </p>
      )}
    </div>
  );
}

function onConnection(listener: () => void): () => void {
  addEventListener('online', listener);
  addEventListener('offline', listener);
  return () => {
    removeEventListener('online', listener);
    removeEventListener('offline', listener);
  };
}
