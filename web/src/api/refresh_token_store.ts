export type AccessToken = { token: string; expire_ms: number };

/**
 * Where the tokens are kept. By default localStorage: one session for all tabs, because a copy per tab (browsers copy
 * sessionStorage when a tab is duplicated) would use a one-time refresh token twice and so end the session. On a shared
 * computer the traveller chooses sessionStorage, which is gone when the tab closes. The access token stands beside the
 * refresh token, which is worth more: were it in memory only, each load of a page would renew the session, and whoever reloads
 * or closes a tab before the answer is there would lose it. A script of somebody else could read both stores; the edge's policy
 * (`default-src 'self'`) keeps those out.
 */
export type RefreshTokenStore = {
  read(): string | undefined;
  begin(refresh_token: string, access: AccessToken, shared_computer: boolean): void;
  /** Replaces the tokens where they are kept. */
  replace(refresh_token: string, access: AccessToken): void;
  /** Undefined when there is none or it cannot be read. */
  readAccess(): AccessToken | undefined;
  clear(): void;
  /** Calls back when another tab changed the token; the answer stops that. */
  onOtherTab(listener: () => void): () => void;
};

/** The store over a browser's two storages. */
export function webRefreshTokenStore(local: Storage, session: Storage): RefreshTokenStore {
  return {
    read: () => session.getItem(KEY) ?? local.getItem(KEY) ?? undefined,
    begin(refresh_token, access, shared_computer) {
      forget(shared_computer ? local : session);
      write(shared_computer ? session : local, refresh_token, access);
    },
    replace(refresh_token, access) {
      write(session.getItem(KEY) === null ? local : session, refresh_token, access);
    },
    readAccess: () => readAccess(session.getItem(KEY) === null ? local : session),
    clear() {
      forget(session);
      forget(local);
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

/** True when the traveller said that others use this computer too: then nothing may outlive the tab. */
export function isSharedComputer(session: Storage): boolean {
  return session.getItem(KEY) !== null;
}

function write(store: Storage, refresh_token: string, access: AccessToken): void {
  store.setItem(ACCESS_KEY, JSON.stringify(access));
  store.setItem(KEY, refresh_token);
}

function forget(store: Storage): void {
  store.removeItem(ACCESS_KEY);
  store.removeItem(KEY);
}

function readAccess(store: Storage): AccessToken | undefined {
  try {
    const { token, expire_ms } = JSON.parse(store.getItem(ACCESS_KEY) ?? '{}') as Partial<AccessToken>;
    return typeof token === 'string' && typeof expire_ms === 'number' ? { token, expire_ms } : undefined;
  } catch {
    return undefined;
  }
}

const ACCESS_KEY = 'chunyun.access_token';
const KEY = 'chunyun.refresh_token';
