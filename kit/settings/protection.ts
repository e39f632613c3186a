import { z } from 'zod';

/** Why protection mode is on, or NONE. FORCED with `active` false: operators keep it off. */
export const PROTECTION_REASONS = ['NONE', 'FORCED', 'OPENING', 'LATENCY', 'ERRORS', 'QUEUE'] as const;

/** Of what is usual; never nothing, so that what is slowed down does not stand still. */
const share = z.number().min(0.01).max(1);

/** Protection mode as services follow it: the state is written by risk, the shares by operators. */
export const PROTECTION_SETTINGS = {
  'protection.state': {
    shape: z.strictObject({ active: z.boolean(), reason: z.enum(PROTECTION_REASONS), detail: z.string().max(200), since_ms: z.number().int().min(0) }),
    value: { active: false, reason: 'NONE' as (typeof PROTECTION_REASONS)[number], detail: '', since_ms: 0 },
  },
  'protection.queue_share': { shape: share, value: 0.5 },
};

export type ProtectionState = (typeof PROTECTION_SETTINGS)['protection.state']['value'];
