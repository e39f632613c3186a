import { z } from 'zod';
import { reportLoad } from '#kit/load/report.ts';
import { watchSettings } from '#kit/settings/watch.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { CHANNELS, MAX_QUOTAS, PASSENGER_TYPES } from '../domain/quota.ts';
import type { QuotaRule } from '../domain/quota_rule.ts';
import type { Config } from './config.ts';

const rule = z.object({
  name: z.string().regex(/^[a-z0-9_]{1,32}$/),
  train_types: z.array(z.string().length(1)).max(8).default([]),
  seat_class: z.enum(['business', 'first', 'second', 'soft_sleeper', 'hard_sleeper', 'soft_seat', 'hard_seat']),
  share: z.number().positive().max(1),
  channels: z.array(z.enum(CHANNELS)).default([]),
  passenger_types: z.array(z.enum(PASSENGER_TYPES)).default([]),
  min_trip_share: z.number().min(0).max(1).default(0),
  release_before_departure_min: z.number().int().min(0).max(30 * 24 * 60).default(0),
});

type Values = { 'inventory.quotas': QuotaRule[] };

/** Rules of quotas as operators have set them; none until somebody does. */
export function watchQuotaRules(config: Config, log: Log, lifecycle: Lifecycle): () => readonly QuotaRule[] {
  const keys = { 'inventory.quotas': { shape: z.array(rule).max(MAX_QUOTAS), value: [] as QuotaRule[] } };
  const settings = lifecycle.add('settings', watchSettings<Values>({ address: config.risk_address, caller_key: config.caller_key[0], service: 'inventory', keys, log }));
  // How long holds take is what protection mode is switched on by.
  lifecycle.add('load', reportLoad({ address: config.risk_address, caller_key: config.caller_key[0], service: 'inventory', methods: ['BatchHoldSeats', 'HoldSeats', 'SellHold'], log }));
  return () => settings.get('inventory.quotas');
}
