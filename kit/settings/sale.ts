import { z } from 'zod';
import type { SaleOpening } from '#kit/base/openings.ts';

const start = z.string().refine((text) => /^([01]\d|2[0-3]):[0-5]\d$/.test(text) || z.iso.datetime({ offset: true }).safeParse(text).success, 'must be HH:MM (Asia/Shanghai) or an RFC 3339 time');

/** Settings about sales that more than one service watches. */
export const SALE_SETTINGS = {
  'sale.openings': {
    shape: z.array(z.strictObject({ name: z.string().min(1).max(64), start, lasts_min: z.number().int().min(1).max(24 * 60) })).max(64),
    value: [] as SaleOpening[],
  },
  /** Hours of the day in Asia/Shanghai, from and to: sales open at midnight and trains are released from eight. */
  'sale.peak_hours': {
    shape: z.array(z.tuple([z.number().int().min(0).max(23), z.number().int().min(1).max(24)])).max(12),
    value: [[0, 1], [8, 19]] as [number, number][],
  },
};
