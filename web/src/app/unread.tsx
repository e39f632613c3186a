import { createContext, use, useCallback, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { useLocation } from 'react-router';
import { useApi, useSignedIn } from './api_context.ts';

type Unread = { count: number; setCount: (count: number) => void };

/** The number on the bell: asked for when a page is opened, but not more often than once in a while. */
export function UnreadProvider({ children }: { children: ReactNode }) {
  const api = useApi();
  const signed_in = useSignedIn();
  const { pathname } = useLocation();
  const [count, setCount] = useState(0);
  const ask = useCallback(
    async (signal: AbortSignal) => {
      try {
        const { unreadCount } = await api.notification.listMessages({ pageSize: 1 }, { signal });
        setCount(unreadCount);
      } catch {
        // A badge is not worth an error message; the list itself shows one.
      }
    },
    [api],
  );
  useEffect(() => {
    // The list of messages knows the number itself.
    if (!signed_in || pathname === '/messages') return;
    const abort = new AbortController();
    const timer = setTimeout(() => void ask(abort.signal), ASK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [ask, signed_in, pathname]);
  const unread = useMemo(() => ({ count: signed_in ? count : 0, setCount }), [signed_in, count]);
  return <UnreadContext value={unread}>{children}</UnreadContext>;
}

export function useUnread(): Unread {
  return use(UnreadContext);
}

const UnreadContext = createContext<Unread>({ count: 0, setCount: () => {} });
/** After the page's own calls, which count against the same limit. */
const ASK_AFTER_MS = 1_500;
