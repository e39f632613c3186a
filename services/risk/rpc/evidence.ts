import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Decision, ReviewEvidenceRequestSchema, SubjectKind, Verdict as VerdictMessage, type ListEvidenceRequest, type ReviewEvidenceRequest } from '#gen/rail/risk/v1/risk_pb.ts';
import type { Call } from '#kit/rpc/call.ts';
import { RpcError, unwrap } from '#kit/rpc/error.ts';
import type { Case, EvidenceStore, Verdict } from '../app/ports.ts';
import { actorOf } from './actor.ts';
import { pageSizeOf } from './page.ts';

const VERDICTS: Record<Verdict, VerdictMessage> = { OPEN: VerdictMessage.OPEN, CONFIRMED: VerdictMessage.CONFIRMED, CLEARED: VerdictMessage.CLEARED };
const MAX_NOTE = 500;

/** The methods of RiskService about cases that people review. */
export function evidenceMethods(store: Pick<EvidenceStore, 'list' | 'review'>) {
  return {
    async listEvidence({ verdict, pageSize, pageToken }: ListEvidenceRequest) {
      const { items, next } = await store.list(verdictOf(verdict), pageSizeOf(pageSize), pageToken === '' ? undefined : pageToken);
      return { evidence: items.map(caseMessage), nextPageToken: next ?? '' };
    },
    async reviewEvidence(request: ReviewEvidenceRequest, call: Call) {
      const verdict = verdictOf(request.verdict);
      if (verdict === undefined || verdict === 'OPEN') throw RpcError.of({ reason: 'FIELD_INVALID', detail: 'CONFIRMED or CLEARED', metadata: { field: 'verdict' } });
      if (request.note.trim() === '' || request.note.length > MAX_NOTE) throw RpcError.of({ reason: 'FIELD_INVALID', detail: `1 to ${MAX_NOTE} characters`, metadata: { field: 'note' } });
      return { evidence: caseMessage(unwrap(await store.review(request.evidenceId, verdict, request.note, actorOf(ReviewEvidenceRequestSchema, request, call)))) };
    },
  };
}

function verdictOf(message: VerdictMessage): Verdict | undefined {
  return (Object.keys(VERDICTS) as Verdict[]).find((name) => VERDICTS[name] === message);
}

function caseMessage(one: Case) {
  return {
    evidenceId: one.evidence_id, operation: one.operation, decision: Decision[one.decision], reason: one.reason, time: timestampFromMs(one.time_ms),
    subjects: one.subjects.map(({ kind, masked }) => ({ kind: SubjectKind[kind], masked })),
    verdict: VERDICTS[one.verdict], note: one.note, reviewedBy: one.reviewed_by, reviewTime: one.review_time_ms === undefined ? undefined : timestampFromMs(one.review_time_ms),
  };
}
