// The real-name authority: does this name belong to this document?
//
//   POST /v1/verifications {verification_id, name, id_type, id_number} → {verification_id, state}
//   GET  /v1/verifications/{verification_id}                            → {verification_id, state}
//
// State: VERIFIED, REJECTED, or PENDING under the knob `pending` (asynchronous mode: the answer is ready `delay_ms` later,
// default 5 s). Idempotent by verification_id. Who asked what about whom is not kept: only ids and verdicts are.
import { z } from 'zod';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { readConfig, port } from '#kit/run/config.ts';
import { runMain } from '#kit/run/lifecycle.ts';
import { Refusal } from '../shared/route.ts';
import type { Route } from '../shared/route.ts';
import { SANDBOX_CONFIG, startSandbox } from '../shared/sandbox.ts';
import type { Sandbox } from '../shared/sandbox.ts';
import { judge } from './judge.ts';
import type { Verdict } from './judge.ts';

export const configSchema = z.object({ ...SANDBOX_CONFIG, realname_http_port: port.default(0) });

export function start(config: z.output<typeof configSchema>, { clock = systemClock }: { clock?: Clock } = {}): Promise<Sandbox> {
  return startSandbox(
    'realname',
    config.realname_http_port,
    config,
    async ({ faults, openJournal }): Promise<Route[]> => {
      const known = new Map<string, Decision>();
      const journal = await openJournal<Decision>((decision) => known.set(decision.verification_id, decision));
      const state = (decision: Decision) => ({ json: { verification_id: decision.verification_id, state: decision.ready_ms <= clock.now_ms() ? decision.verdict : 'PENDING' } });
      return [
        {
          method: 'POST',
          path: PATH,
          signed: true,
          async handle({ json }) {
            const parsed = QUESTION.safeParse(json);
            if (!parsed.success) throw new Refusal(400, 'FIELD_INVALID');
            const { verification_id } = parsed.data;
            const first = known.get(verification_id);
            if (first !== undefined) return state(first);
            const pending = faults.take(PATH, 'pending');
            const verdict = faults.take(PATH, 'reject') === undefined ? judge(parsed.data, clock.now_ms()) : 'REJECTED';
            const decision = { verification_id, verdict, ready_ms: pending === undefined ? 0 : clock.now_ms() + (pending.delay_ms ?? 5000) };
            known.set(verification_id, decision);
            await journal.append(decision);
            return state(decision);
          },
        },
        {
          method: 'GET',
          path: `${PATH}/:verification_id`,
          signed: true,
          handle({ params }) {
            const decision = known.get(params.verification_id ?? '');
            if (decision === undefined) throw new Refusal(404, 'VERIFICATION_UNKNOWN');
            return state(decision);
          },
        },
      ];
    },
    { clock },
  );
}

type Decision = { verification_id: string; verdict: Verdict; ready_ms: number };

const PATH = '/v1/verifications';
const QUESTION = z.object({
  verification_id: z.string().min(1).max(64),
  name: z.string().min(1).max(100),
  id_type: z.enum(['RESIDENT', 'PASSPORT', 'HONG_KONG_MACAU_PERMIT', 'TAIWAN_PERMIT']),
  id_number: z.string().min(1).max(40),
});

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
