import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import { RateLimitResponse_Code, RateLimitResponse_RateLimit_Unit, RateLimitService } from '#gen/envoy/service/ratelimit/v3/rls_pb.ts';
import { ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { ERRORS } from '#kit/base/errors.ts';
import { Access } from '#kit/rpc/access.ts';
import { implement, type Implementation } from '#kit/rpc/implement.ts';
import { metricsFor } from '#kit/telemetry/metrics.ts';
import { shouldLimit, type LimitAnswer, type LimitDeps } from '../app/should_limit.ts';

const RESOURCE_EXHAUSTED = 8;

/** Envoy's own contract: the edge asks before it routes. It sends no credentials; the mesh lets only the edge in. */
export function rateLimitService(deps: LimitDeps): Implementation {
  const answers = metricsFor('risk').counter('edge_limit_answers_total', 'Answers to the edge by outcome', ['outcome']);
  return implement(
    RateLimitService,
    {
      async shouldRateLimit(request) {
        const descriptors = request.descriptors.flatMap(({ entries }) => entries.slice(0, 1).map(({ key, value }) => ({ key, value })));
        const answer = await shouldLimit(deps, descriptors, request.hitsAddend);
        answers.inc({ outcome: answer.over ? 'over' : 'ok' });
        return {
          overallCode: answer.over ? RateLimitResponse_Code.OVER_LIMIT : RateLimitResponse_Code.OK,
          statuses: answer.statuses.map(({ limit, taken }) => ({
            code: taken?.allowed === false || (answer.over && taken === undefined) ? RateLimitResponse_Code.OVER_LIMIT : RateLimitResponse_Code.OK,
            currentLimit: limit === undefined ? undefined : { requestsPerUnit: Math.ceil(limit.per_s), unit: RateLimitResponse_RateLimit_Unit.SECOND },
            limitRemaining: taken?.remaining ?? 0,
            durationUntilReset: durationFromMs(taken?.wait_ms ?? answer.wait_ms),
          })),
          responseHeadersToAdd: answer.over ? retryHeaders(answer) : [],
        };
      },
    },
    { foreign_rule: { access: [Access.PUBLIC], timeoutMs: 1000 } },
  );
}

/**
 * The refusal is the edge's, its words are ours: when exactly to come back. For gRPC as a status, for JSON and Connect in
 * `x-edge-…`, which the edge writes into its body and keeps (envoy/replies.ts, envoy/answers.lua).
 */
function retryHeaders({ wait_ms }: LimitAnswer): { key: string; value: string }[] {
  const { message_en, message_zh } = ERRORS.THROTTLED;
  const retry = create(RetryInfoSchema, { retryDelay: durationFromMs(wait_ms) });
  const status = create(StatusSchema, {
    code: RESOURCE_EXHAUSTED,
    message: `THROTTLED: ${message_en}`,
    details: [
      anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: 'THROTTLED', domain: 'rail.chunyun' })),
      anyPack(LocalizedMessageSchema, create(LocalizedMessageSchema, { locale: 'zh-CN', message: message_zh })),
      anyPack(LocalizedMessageSchema, create(LocalizedMessageSchema, { locale: 'en', message: message_en })),
      anyPack(RetryInfoSchema, retry),
    ],
  });
  return [
    { key: 'retry-after', value: String(Math.max(1, Math.ceil(wait_ms / 1000))) },
    { key: 'grpc-status-details-bin', value: base64(toBinary(StatusSchema, status)) },
    { key: 'x-edge-retry-info', value: base64(toBinary(RetryInfoSchema, retry)) },
    { key: 'x-edge-retry-delay', value: `${wait_ms / 1000}s` },
  ];
}

/** Without padding, as binary headers of gRPC and details of Connect want it. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
