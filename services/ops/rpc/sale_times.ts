import { PROTECTION_SETTINGS } from '#kit/settings/protection.ts';
import { SALE_SETTINGS } from '#kit/settings/sale.ts';
import { watchSettings } from '#kit/settings/watch.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { SaleTimes } from '../domain/held.ts';

/** Sale openings, peak hours and protection mode, as operators and risk set them. */
export function watchSaleTimes({ address, caller_key, log }: { address: string; caller_key: Uint8Array; log: Log }) {
  const keys = { ...SALE_SETTINGS, 'protection.state': PROTECTION_SETTINGS['protection.state'] };
  const settings = watchSettings({ address, caller_key, service: 'ops', keys, log });
  const state = () => settings.get('protection.state');
  return {
    times: (): SaleTimes => ({ openings: settings.get('sale.openings'), peak_hours: settings.get('sale.peak_hours'), protected: state().active }),
    /** Why it is on; empty while it is off. */
    protection: (): string => (state().active ? [state().reason, state().detail].filter((part) => part !== '').join(': ') : ''),
    stop: () => settings.stop(),
  };
}
