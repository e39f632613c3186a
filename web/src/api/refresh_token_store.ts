/**
 * Where the refresh token is kept. By default localStorage: one session for all tabs, because a copy per tab (browsers
 * copy sessionStorage when a tab is duplicated) would use a one-time token twice and so end the session. On a shared
 * computer the traveller chooses sessionStorage, which is gone when the tab closes. The access token is in neither: it lives
 * in memory. A script of somebody else could read both stores; the edge's policy (`default-src 'self'`) keeps those out.
 */
export type RefreshTokenStore = {
  read(): string | undefined;
  begin(refresh_token: string, shared_computer: boolean): void;
  /** Replaces the token where it is kept. */
  replace(refresh_token: string): void;
  clear(): void;
  /** Calls back when another tab changed the token; the answer stops that. */
  onOtherTab(listener: () => void): () => void;
};

/** The store over a browser's two storages. */
export function webRefreshTokenStore(local: Storage, session: Storage): RefreshTokenStore {
  return {
    read: () => session.getItem(KEY) ?? local.getItem(KEY) ?? undefined,
    begin(refresh_token, shared_computer) {
      (shared_computer ? local : session).removeItem(KEY);
      (shared_computer ? session : local).setItem(KEY, refresh_token);
    },
    replace(refresh_token) {
      (session.getItem(KEY) === null ? local : session).setItem(KEY, refresh_token);
    },
    clear() {
      session.removeItem(KEY);
      local.removeItem(KEY);
    },
    onOtherTab(listener) {
      const heard = (event: StorageEvent): void => {
        if (event.key === KEY || event.key === null) listener();
      };
      addEventListener('storage', heard);
      return () => removeEventListener('storage', heard);
    },
  };
}

const KEY = 'chunyun.refresh_token';
