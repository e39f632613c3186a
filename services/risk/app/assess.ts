import type { Random } from '#kit/base/random.ts';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Clock } from '#kit/base/clock.ts';
import { listedAs, type Subject } from '../domain/block.ts';
import { decide, isOperation, type Decision, type Operation } from '../domain/decision.ts';
import type { Limit } from '../domain/limit.ts';
import type { CaptchaTokens } from './captcha.ts';
import type { BlockIndex, Buckets, EvidenceStore } from './ports.ts';

export type AssessDeps = {
  blocks: BlockIndex;
  buckets: Buckets;
  evidence: EvidenceStore;
  captcha: CaptchaTokens;
  paceOf: (operation: Operation) => Limit;
  clock: Clock;
  random: Random;
};

export type Assessment = { decision: Decision; reason: string; evidence_id: string };

const MAX_SUBJECTS = 16;

/**
 * Judges an operation by the lists, by pace and by a solved captcha. Whatever is not simply allowed leaves evidence.
 * FIELD_INVALID for an unknown operation. Throws when a store is away; the caller then asks for a captcha or refuses.
 */
export async function assess(deps: AssessDeps, operation: string, subjects: readonly Subject[], captcha_token: string): Promise<Result<Assessment>> {
  if (!isOperation(operation)) return fieldInvalid('operation', 'is unknown');
  if (subjects.length > MAX_SUBJECTS) return fieldInvalid('subjects', `are more than ${MAX_SUBJECTS}`);
  const now_ms = deps.clock.now_ms();
  const listed = subjects.map((subject) => listedAs(deps.blocks.of(subject.kind, subject.value), now_ms));
  const too_fast = await isTooFast(deps, operation, subjects);
  const { decision, reason } = decide({
    blocked: listed.includes('BLACK'),
    trusted: listed.includes('WHITE'),
    too_fast,
    captcha_solved: too_fast && captcha_token !== '' && (await deps.captcha.spend(captcha_token)),
  });
  const evidence_id = formatUuid7(now_ms, deps.random.bytes(10));
  if (decision !== 'ALLOW') await deps.evidence.add({ evidence_id, operation, decision, reason, subjects, time_ms: now_ms });
  return ok({ decision, reason, evidence_id });
}

async function isTooFast({ buckets, paceOf }: AssessDeps, operation: Operation, subjects: readonly Subject[]): Promise<boolean> {
  const paced = subjects.filter(({ kind, value }) => value !== '' && (kind === 'ACCOUNT' || kind === 'DEVICE'));
  if (paced.length === 0) return false;
  const limit = paceOf(operation);
  const taken = await buckets.take(paced.map(({ kind, value }) => ({ kind: kind === 'ACCOUNT' ? 'account' : 'device', value: `${operation}:${value}`, limit })), 1);
  return taken.some((one) => !one.allowed);
}
