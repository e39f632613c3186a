/**
 * How many pods there must be at least, by the time of day: more from some minutes before a declared opening until it is
 * over, else what a quiet day needs (requirements: 开售前预热扩容；高峰后回缩). The clock alone decides, not which run of the
 * job this is: a run that comes late, twice or not at all leaves nothing behind that the next one does not put right.
 */
import { z } from 'zod';
import { openingAt } from '#kit/base/openings.ts';
import { SALE_SETTINGS } from '#kit/settings/sale.ts';
import type { Autoscalers } from './autoscalers.ts';

const pods = z.number().int().min(1).max(1000);

export const planSchema = z.strictObject({
  /** So long before an opening pods start: nodes are found, images pulled, memory filled and connections made. */
  lead_min: z.number().int().min(0).max(240),
  /** The shape of the setting `sale.openings`: `HH:MM` of every day in Asia/Shanghai, or one instant in RFC 3339. */
  openings: SALE_SETTINGS['sale.openings'].shape,
  services: z.record(z.string(), z.strictObject({ quiet: pods, sale: pods })),
});

export type SalePlan = z.output<typeof planSchema>;

export type Scaled = { service: string; from: number; to: number };
export type NotScaled = { service: string; why: string };
export type ScalingReport = { opening: string | undefined; changed: Scaled[]; failed: NotScaled[] };

/** Brings every autoscaler of the plan to the minimum of this moment. One that fails does not keep the others from it. */
export async function scaleForSale(plan: SalePlan, now_ms: number, autoscalers: Autoscalers): Promise<ScalingReport> {
  const opening = openingAt(plan.openings, now_ms, plan.lead_min * 60_000);
  const report: ScalingReport = { opening: opening?.name, changed: [], failed: [] };
  for (const [service, { quiet, sale }] of Object.entries(plan.services)) {
    try {
      const wanted = opening === undefined ? quiet : sale;
      const { min, max } = await autoscalers.read(service);
      // The maximum is what the stores bear; a plan that asks for more is told so and gets that.
      const to = Math.min(wanted, max);
      if (to < wanted) report.failed.push({ service, why: `the plan wants ${wanted} pods and the autoscaler allows ${max}` });
      if (to === min) continue;
      await autoscalers.setMinimum(service, to);
      report.changed.push({ service, from: min, to });
    } catch (error) {
      report.failed.push({ service, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return report;
}
