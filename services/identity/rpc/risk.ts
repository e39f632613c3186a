import { Decision, RiskService, SubjectKind } from '#gen/rail/risk/v1/risk_pb.ts';
import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Risk, RiskQuestion } from '../app/ports.ts';

/** What is done when risk does not answer within its second (IDENTITY_RISK_FALLBACK). */
export const FALLBACKS = ['allow', 'captcha', 'deny'] as const;
export type Fallback = (typeof FALLBACKS)[number];

const ASSESS_MS = 1000;

export function createRisk(client: ServiceClient<typeof RiskService>, fallback: Fallback, log: Log): Risk {
  return {
    async assess(question) {
      try {
        const { decision } = await client.assess({ operation: question.operation, subjects: subjectsOf(question), captchaToken: question.captcha_token }, { timeout_ms: ASSESS_MS });
        return judge(decision);
      } catch (error) {
        log.warn({ error, operation: question.operation, fallback }, 'risk did not answer');
        return judge(DECISIONS[fallback]);
      }
    },
  };
}

/** For an installation without risk. */
export const NO_RISK: Risk = { assess: () => Promise.resolve(ok()) };

function judge(decision: Decision): Result<undefined> {
  if (decision === Decision.DENY) return fail('RISK_REJECTED');
  if (decision === Decision.CHALLENGE) return fail('CAPTCHA_REQUIRED');
  return ok();
}

function subjectsOf({ account_id, device_id, ip }: RiskQuestion): Array<{ kind: SubjectKind; value: string }> {
  const subjects = [
    { kind: SubjectKind.ACCOUNT, value: account_id ?? '' },
    { kind: SubjectKind.DEVICE, value: device_id },
    { kind: SubjectKind.IP, value: ip },
  ];
  return subjects.filter(({ value }) => value !== '');
}

const DECISIONS: Record<Fallback, Decision> = { allow: Decision.ALLOW, captcha: Decision.CHALLENGE, deny: Decision.DENY };
