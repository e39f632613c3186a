import { z } from 'zod';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { CALL_SETTINGS } from '#kit/settings/calls.ts';
import { PROTECTION_SETTINGS } from '#kit/settings/protection.ts';
import { SALE_SETTINGS } from '#kit/settings/sale.ts';

const limit = z.strictObject({ per_s: z.number().positive().max(100_000), burst: z.number().int().min(1).max(1_000_000) });
const share = z.number().min(0).max(1);
const words = (...list: [string, ...string[]]) => z.array(z.enum(list)).max(list.length).default([]);
const quota_rule = z.strictObject({
  name: z.string().regex(/^[a-z0-9_]{1,32}$/),
  train_types: z.array(z.string().length(1)).max(8).default([]),
  seat_class: z.enum(['business', 'first', 'second', 'soft_sleeper', 'hard_sleeper', 'soft_seat', 'hard_seat']),
  share: z.number().positive().max(1),
  channels: words('web', 'app', 'mini_program', 'counter', 'partner'),
  passenger_types: words('adult', 'child', 'student', 'disabled_veteran'),
  min_trip_share: share.default(0),
  release_before_departure_min: z.number().int().min(0).max(30 * 24 * 60).default(0),
});

const protection_limits = z.strictObject({
  latency_p95_ms: z.number().min(1).max(600_000),
  error_share: z.number().min(0).max(1),
  queue_entries: z.number().int().min(0).max(100_000_000),
  min_calls: z.number().int().min(1).max(1_000_000),
  after_s: z.number().min(0).max(3600),
  leave_share: z.number().min(0).max(1),
  min_stay_s: z.number().min(0).max(86_400),
});

/** Every key there is, what it means, its shape and its value until somebody sets one. */
export const CONFIG_KEYS = {
  'limits.edge.account': { about: 'Requests per account at the edge', shape: limit, value: { per_s: 3, burst: 10 } },
  'limits.edge.device': { about: 'Requests per device at the edge', shape: limit, value: { per_s: 3, burst: 10 } },
  'limits.edge.remote_address': { about: 'Requests per client address at the edge', shape: limit, value: { per_s: 300, burst: 1000 } },
  'risk.pace.login': { about: 'Log-ins per subject before a captcha', shape: limit, value: { per_s: 0.2, burst: 10 } },
  'risk.pace.register': { about: 'Registrations per subject before a captcha', shape: limit, value: { per_s: 0.05, burst: 20 } },
  'risk.pace.submit': { about: 'Orders per subject before a captcha', shape: limit, value: { per_s: 0.2, burst: 20 } },
  'risk.pace.pay': { about: 'Payments per subject before a captcha', shape: limit, value: { per_s: 0.5, burst: 20 } },
  'risk.pace.refund': { about: 'Refunds per subject before a captcha', shape: limit, value: { per_s: 0.5, burst: 20 } },
  'queue.max_entries': { about: 'Entries of one waiting queue', shape: z.number().int().min(1).max(50_000), value: 50_000 },
  'queue.drain_share_per_s': { about: 'Share of what remains that a queue admits each second', shape: share, value: 0.02 },
  'queue.max_drain_per_s': { about: 'Most entries a queue admits each second', shape: z.number().int().min(1).max(2000), value: 2000 },
  'queue.min_drain_per_s': { about: 'Entries a queue admits each second however slow everything else makes it', shape: z.number().min(0.1).max(2000), value: 1 },
  'queue.hold_target_ms': { about: 'How long holding places may take before queues slow down', shape: z.number().int().min(50).max(10_000), value: 1000 },
  'inventory.quotas': { about: 'Seats that runs keep for some buyers when their sale is opened', shape: z.array(quota_rule).max(8), value: [] },
  'order.pay_window_ms': { about: 'How long an order waits for payment', shape: z.number().int().min(60_000).max(3_600_000), value: 600_000 },
  'payment.channels': { about: 'Payment channels in order of preference', shape: z.array(z.string().regex(/^[a-z]{2,16}$/)).min(1).max(8), value: ['alipay', 'wechat'] },
  'calls.gateway': { about: 'Calls to the payment gateway: time of one', ...CALL_SETTINGS['calls.gateway'] },
  'calls.railway': { about: 'Calls to the railway: time of one', ...CALL_SETTINGS['calls.railway'] },
  'calls.realname': { about: 'Calls to the real-name authority: time and tries of one', ...CALL_SETTINGS['calls.realname'] },
  'calls.messaging': { about: 'Calls to message providers: time and tries of one', ...CALL_SETTINGS['calls.messaging'] },
  'calls.reads': { about: 'Reads between services: longest time, and tries of those that may be repeated', ...CALL_SETTINGS['calls.reads'] },
  'calls.writes': { about: 'Writes between services: longest time', ...CALL_SETTINGS['calls.writes'] },
  'sale.openings': { about: 'Declared sale openings: protection is on and heavy jobs wait', ...SALE_SETTINGS['sale.openings'] },
  'sale.peak_hours': { about: 'Hours (Asia/Shanghai) out of which heavy jobs stay', ...SALE_SETTINGS['sale.peak_hours'] },
  'protection.mode': { about: 'Protection by measurement and openings (auto), or kept on or off', shape: z.enum(['auto', 'on', 'off']), value: 'auto' },
  'protection.limits': {
    about: 'What switches protection on when it is crossed, and when it goes off again',
    shape: protection_limits,
    value: { latency_p95_ms: 2000, error_share: 0.05, queue_entries: 200_000, min_calls: 50, after_s: 10, leave_share: 0.7, min_stay_s: 60 },
  },
  'protection.edge_share': { about: 'Limits at the edge under protection, as a share of the usual ones', shape: PROTECTION_SETTINGS['protection.queue_share'].shape, value: 0.5 },
  'protection.queue_share': { about: 'Pace of the queues under protection, as a share of the usual one', ...PROTECTION_SETTINGS['protection.queue_share'] },
  'protection.state': { about: 'Protection as it is now; written by risk itself', ...PROTECTION_SETTINGS['protection.state'] },
} as const satisfies Record<string, { about: string; shape: z.ZodType; value: unknown }>;

export type ConfigKey = keyof typeof CONFIG_KEYS;

/** Written by risk as things happen; operators read its versions as a history and set `protection.mode` instead. */
export const STATE_KEY = 'protection.state' satisfies ConfigKey;

export function isConfigKey(key: string): key is ConfigKey {
  return Object.hasOwn(CONFIG_KEYS, key);
}

/** The value in its one spelling. CONFIG_NOT_FOUND for an unknown key, FIELD_INVALID for a value of the wrong shape. */
export function checkValue(key: string, value_json: string, field = 'value_json'): Result<string> {
  if (!isConfigKey(key)) return fail('CONFIG_NOT_FOUND', { metadata: { key } });
  let value: unknown;
  try {
    value = JSON.parse(value_json);
  } catch {
    return fieldInvalid(field, 'is not JSON');
  }
  const parsed = CONFIG_KEYS[key].shape.safeParse(value);
  return parsed.success ? ok(JSON.stringify(parsed.data)) : fieldInvalid(field, z.prettifyError(parsed.error));
}
