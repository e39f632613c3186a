import { useEffect, useState } from 'react';
import { cashierUrl } from './pay_url.ts';

export type Cashier = { leaving: boolean; bad_url: boolean; /** Leaves the page for the cashier's; false where there is no address to go to. */ go: (pay_url: string) => boolean };

/** The way to the cashier, and back. */
export function useCashier(): Cashier {
  const [bad_url, setBadUrl] = useState(false);
  const [leaving, setLeaving] = useState(false);
  useEffect(() => {
    // Back from the cashier the browser may show this page as it was left.
    const onShow = (): void => setLeaving(false);
    addEventListener('pageshow', onShow);
    return () => removeEventListener('pageshow', onShow);
  }, []);
  const go = (pay_url: string): boolean => {
    const url = cashierUrl(pay_url, location.href);
    setBadUrl(url === undefined);
    if (url === undefined) return false;
    setLeaving(true);
    location.assign(url);
    return true;
  };
  return { leaving, bad_url, go };
}
