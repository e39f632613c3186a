import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  BlockKind as BlockKindMessage, CreateBlockRequestSchema, Decision as DecisionMessage, DeleteBlockRequestSchema, RiskService, SubjectKind as SubjectKindMessage,
  type Subject as SubjectMessage,
} from '#gen/rail/risk/v1/risk_pb.ts';
import { fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import { unwrap } from '#kit/rpc/error.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { assess, type AssessDeps } from '../app/assess.ts';
import { addBlock, removeBlock, type BlockList } from '../app/blocks.ts';
import { createCaptcha, solveCaptcha, type CaptchaDeps } from '../app/captcha.ts';
import type { BlockStore } from '../app/ports.ts';
import type { Block, BlockKind, Subject, SubjectKind } from '../domain/block.ts';
import type { Decision } from '../domain/decision.ts';
import { actorOf } from './actor.ts';
import type { evidenceMethods } from './evidence.ts';
import { pageSizeOf } from './page.ts';
import type { protectionMethods } from './protection.ts';

const DECISIONS: Record<Decision, DecisionMessage> = { ALLOW: DecisionMessage.ALLOW, CHALLENGE: DecisionMessage.CHALLENGE, DENY: DecisionMessage.DENY };
const BLOCK_KINDS: Record<BlockKind, BlockKindMessage> = { BLACK: BlockKindMessage.BLACK, WHITE: BlockKindMessage.WHITE };
const SUBJECT_KINDS: Record<SubjectKind, SubjectKindMessage> = {
  ACCOUNT: SubjectKindMessage.ACCOUNT, DEVICE: SubjectKindMessage.DEVICE, IP: SubjectKindMessage.IP, PERSON: SubjectKindMessage.PERSON,
};

export type RiskDeps = { assess: AssessDeps; captcha: CaptchaDeps; blocks: BlockList; block_store: BlockStore; protection: ReturnType<typeof protectionMethods>; evidence: ReturnType<typeof evidenceMethods> };

export function riskService({ assess: assess_deps, captcha, blocks, block_store, protection, evidence }: RiskDeps): Implementation {
  return implement(RiskService, {
    ...protection,
    ...evidence,
    async assess({ operation, subjects, captchaToken }) {
      const known = subjects.map((subject) => unwrap(subjectOf(subject)));
      const { decision, reason, evidence_id } = unwrap(await assess(assess_deps, operation, known, captchaToken));
      return { decision: DECISIONS[decision], reason, evidenceId: evidence_id };
    },
    async createCaptcha() {
      const { captcha_id, question, svg, expire_time_ms } = await createCaptcha(captcha);
      return { captchaId: captcha_id, imageSvg: svg, questionText: question, expireTime: timestampFromMs(expire_time_ms) };
    },
    async solveCaptcha({ captchaId, answer }) {
      return { captchaToken: unwrap(await solveCaptcha(captcha, captchaId, answer)) };
    },
    async listBlocks({ pageSize, pageToken }) {
      const { items, next } = await block_store.list(pageSizeOf(pageSize), pageToken === '' ? undefined : pageToken);
      return { blocks: items.map(blockMessage), nextPageToken: next ?? '' };
    },
    async createBlock(request, call) {
      const subject = unwrap(subjectOf(request.subject));
      const kind = unwrap(blockKindOf(request.kind));
      const expire_time_ms = request.expireTime === undefined ? undefined : timestampMs(request.expireTime);
      const wanted = { kind, subject_kind: subject.kind, subject, reason: request.reason, created_by: call.account!.account_id, expire_time_ms };
      const block = unwrap(await addBlock(blocks, block_store, wanted, actorOf(CreateBlockRequestSchema, request, call), assess_deps.clock.now_ms()));
      return { block: blockMessage(block) };
    },
    async deleteBlock(request, call) {
      unwrap(await removeBlock(blocks, block_store, request.blockId, actorOf(DeleteBlockRequestSchema, request, call)));
      return {};
    },
  });
}

function subjectOf(subject: SubjectMessage | undefined): Result<Subject> {
  const kind = (Object.keys(SUBJECT_KINDS) as SubjectKind[]).find((name) => SUBJECT_KINDS[name] === subject?.kind);
  return kind === undefined ? fieldInvalid('subject.kind', 'must be named') : ok({ kind, value: subject!.value });
}

function blockKindOf(message: BlockKindMessage): Result<BlockKind> {
  const kind = (Object.keys(BLOCK_KINDS) as BlockKind[]).find((name) => BLOCK_KINDS[name] === message);
  return kind === undefined ? fieldInvalid('kind', 'must be BLACK or WHITE') : ok(kind);
}

function blockMessage(block: Block) {
  return {
    blockId: block.block_id,
    kind: BLOCK_KINDS[block.kind],
    subjectKind: SUBJECT_KINDS[block.subject_kind],
    subjectMasked: block.subject_masked,
    reason: block.reason,
    createTime: timestampFromMs(block.create_time_ms),
    createdBy: block.created_by,
    expireTime: block.expire_time_ms === undefined ? undefined : timestampFromMs(block.expire_time_ms),
  };
}
