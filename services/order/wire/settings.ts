import { z } from 'zod';
import { PROTECTION_SETTINGS, type ProtectionState } from '#kit/settings/protection.ts';
import { watchSettings } from '#kit/settings/watch.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Settings } from '../app/ports.ts';
import { QUEUE_CAP, USUAL_LIMITS } from '../domain/pace.ts';
import type { Config } from './config.ts';

/** What order can work with, and what holds until the configuration service has answered. */
export const SETTINGS = {
  'order.pay_window_ms': { shape: z.number().int().min(60_000).max(3_600_000), value: 600_000 },
  'queue.max_entries': { shape: z.number().int().min(1).max(QUEUE_CAP), value: USUAL_LIMITS.max_entries },
  'queue.drain_share_per_s': { shape: z.number().min(0).max(1), value: USUAL_LIMITS.drain_share_per_s },
  'queue.max_drain_per_s': { shape: z.number().int().min(1).max(2000), value: USUAL_LIMITS.max_drain_per_s },
  'queue.min_drain_per_s': { shape: z.number().min(0.1).max(2000), value: USUAL_LIMITS.min_drain_per_s },
  'queue.hold_target_ms': { shape: z.number().int().min(50).max(10_000), value: USUAL_LIMITS.hold_target_ms },
  ...PROTECTION_SETTINGS,
};

type Values = { [K in Exclude<keyof typeof SETTINGS, 'protection.state'>]: number } & { 'protection.state': ProtectionState };

/** ORDER_PAY_WINDOW_MS, where it is given, wins over what operators set. */
export function watchOrderSettings(config: Config, log: Log, lifecycle: Lifecycle): Settings {
  const keys = { ...SETTINGS, 'order.pay_window_ms': { ...SETTINGS['order.pay_window_ms'], fixed: config.order_pay_window_ms } };
  const settings = lifecycle.add('settings', watchSettings<Values>({ address: config.risk_address, caller_key: config.caller_key[0], service: 'order', keys, log }));
  return {
    pay_window_ms: (who) => settings.get('order.pay_window_ms', who),
    pace: () => ({
      max_entries: settings.get('queue.max_entries'),
      drain_share_per_s: settings.get('queue.drain_share_per_s'),
      max_drain_per_s: settings.get('queue.max_drain_per_s'),
      min_drain_per_s: settings.get('queue.min_drain_per_s'),
      hold_target_ms: settings.get('queue.hold_target_ms'),
      // Under protection every queue is slower by the same share.
      queue_share: settings.get('protection.state').active ? settings.get('protection.queue_share') : USUAL_LIMITS.queue_share,
    }),
    force_close_ms: config.order_force_close_ms,
  };
}
