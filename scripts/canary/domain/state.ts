import { z } from 'zod';
import type { Limits } from './limits.ts';
import { LIMITS } from './limits.ts';
import type { Sample } from './sample.ts';

/**
 * Where a canary is, kept in the cluster so that the command may end at any moment. Onward: deploying, announcing, shifting, promoting,
 * returning, removing, promoted. Back, from wherever it is: restoring (when the stable image was touched), returning, removing, rolled_back.
 */
export const PHASES = ['deploying', 'announcing', 'shifting', 'promoting', 'restoring', 'returning', 'removing', 'promoted', 'rolled_back'] as const;
export type Phase = (typeof PHASES)[number];

const wordsSchema = z.object({ en: z.string(), zh: z.string() });
const sampleSchema = z.object({ requests: z.number(), errors: z.number(), within: z.array(z.tuple([z.number(), z.number()])) });
const limitsSchema = z.object(Object.fromEntries(Object.keys(LIMITS).map((name) => [name, z.number()]))) as unknown as z.ZodType<Limits>;

const stateSchema = z.object({
  run_id: z.string(),
  service: z.string(),
  image: z.string(),
  old_image: z.string(),
  replicas: z.number().int().min(1),
  steps: z.array(z.number()),
  step: z.number().int(),
  /** Who is sent to the canary before shares apply: a header and its value. */
  only: z.array(z.object({ header: z.string(), value: z.string() })),
  /** Set where steps are sets of buckets: how many there are. */
  bucket_count: z.number().int().optional(),
  limits: limitsSchema,
  phase: z.enum(PHASES),
  phase_begin_ms: z.number(),
  /** Why it goes back; absent while it goes on. */
  reason: wordsSchema.optional(),
  /** A wish of another command. */
  abort: wordsSchema.optional(),
  override_freeze: z.string().optional(),
  /** What the stable version did during the steps that are through. */
  reference: sampleSchema.transform((kept): Sample => ({ ...kept, within: new Map(kept.within) })),
  /** The command that drives it; none after it has let go. */
  holder: z.string().optional(),
  /** Grows with each sign of life of the holder. */
  beat: z.number().int(),
});

export type CanaryState = z.output<typeof stateSchema>;

export function isOver(state: CanaryState): boolean {
  return state.phase === 'promoted' || state.phase === 'rolled_back';
}

export function writeState(state: CanaryState): string {
  return JSON.stringify({ ...state, reference: { ...state.reference, within: [...state.reference.within] } }, undefined, 1);
}

/** Undefined when it is none of ours. */
export function readState(text: string): CanaryState | undefined {
  try {
    return stateSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
