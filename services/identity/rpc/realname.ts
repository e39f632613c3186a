import { z } from 'zod';
import type { ExternalClient } from '#kit/external/http.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Authority } from '../app/ports.ts';

/** The authority over signed HTTP: 3 s a try, three tries with exponential backoff (requirement), and a circuit breaker. */
export function createAuthority(client: ExternalClient, log: Log): Authority {
  return {
    async ask(question, signal) {
      const outcome = await client.call({ method: 'POST', path: '/v1/verifications', body: question, signal });
      if (!outcome.ok) {
        const { problem, detail } = outcome.error;
        log.warn({ verification_id: question.verification_id, problem, detail }, 'the real-name authority could not be asked');
        return 'UNREACHABLE';
      }
      const answer = ANSWER.safeParse(outcome.value.body);
      if (outcome.value.status === 200 && answer.success && answer.data.verification_id === question.verification_id) return answer.data.state;
      // A refusal of the question itself is our mistake or theirs; nobody is rejected for it.
      log.error({ verification_id: question.verification_id, status: outcome.value.status }, 'the real-name authority gave no answer that we know');
      return 'UNREACHABLE';
    },
  };
}

const ANSWER = z.object({ verification_id: z.string(), state: z.enum(['VERIFIED', 'REJECTED', 'PENDING']) });
