import { createContext, use, useSyncExternalStore } from 'react';
import type { Api } from '../api/api.ts';

export const ApiContext = createContext<Api | undefined>(undefined);

export function useApi(): Api {
  const api = use(ApiContext);
  if (api === undefined) throw new Error('useApi is called outside of the app');
  return api;
}

/** Whether somebody is signed in; follows other tabs. */
export function useSignedIn(): boolean {
  const { tokens } = useApi();
  return useSyncExternalStore(tokens.subscribe, () => tokens.signed_in);
}
