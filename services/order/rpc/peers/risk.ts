import { Decision, RiskService, SubjectKind } from '#gen/rail/risk/v1/risk_pb.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import type { Risk } from '../../app/peers.ts';
import { ask } from '#kit/rpc/peer.ts';
import { onBehalf } from './on_behalf.ts';

/** 风控 1 s: after that the operation is refused for now. */
const ASSESS_MS = 1000;

export function riskPeer(client: ServiceClient<typeof RiskService>): Risk {
  return {
    async assess(actor, operation, captcha_token): Promise<Result<undefined>> {
      const subjects = [
        { kind: SubjectKind.ACCOUNT, value: actor.account?.account_id ?? '' },
        { kind: SubjectKind.DEVICE, value: actor.account?.device_id ?? '' },
        { kind: SubjectKind.IP, value: actor.ip },
      ].filter(({ value }) => value !== '');
      const answer = await ask(client.assess({ operation, subjects, captchaToken: captcha_token }, onBehalf(actor, ASSESS_MS)));
      if (!answer.ok) return answer;
      if (answer.value.decision === Decision.ALLOW) return ok();
      return answer.value.decision === Decision.CHALLENGE ? fail('CAPTCHA_REQUIRED') : fail('ACCOUNT_BLOCKED', { metadata: { evidence_id: answer.value.evidenceId } });
    },
  };
}
