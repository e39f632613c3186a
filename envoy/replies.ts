import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, type Any } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { ERRORS, type ErrorReason } from '#kit/base/errors.ts';

type OwnAnswer = { http_status: number; code: number; connect_code: string; reason: ErrorReason; retry_after_s?: number };

/** What Envoy answers by itself, by the HTTP status it gives, with gRPC's and Connect's word for it. */
const OWN_ANSWERS: OwnAnswer[] = [
  { http_status: 401, code: 16, connect_code: 'unauthenticated', reason: 'TOKEN_INVALID' },
  { http_status: 404, code: 12, connect_code: 'unimplemented', reason: 'NOT_IMPLEMENTED' },
  { http_status: 413, code: 3, connect_code: 'invalid_argument', reason: 'MESSAGE_TOO_LARGE' },
  { http_status: 429, code: 8, connect_code: 'resource_exhausted', reason: 'THROTTLED', retry_after_s: 1 },
  { http_status: 500, code: 14, connect_code: 'unavailable', reason: 'DEPENDENCY_UNAVAILABLE', retry_after_s: 1 },
  { http_status: 503, code: 14, connect_code: 'unavailable', reason: 'DEPENDENCY_UNAVAILABLE', retry_after_s: 1 },
  { http_status: 504, code: 4, connect_code: 'deadline_exceeded', reason: 'DEADLINE' },
];

/**
 * Answers that the edge gives by itself (bad token, too large, throttled, nobody home) carry the same typed details as
 * those of a service, so that a page or a partner reads one kind of error.
 */
export function localReplies(): object {
  return {
    mappers: OWN_ANSWERS.map((answer) => ({
      filter: { status_code_filter: { comparison: { op: 'EQ', value: { default_value: answer.http_status, runtime_key: `edge.reply.${answer.http_status}` } } } },
      headers_to_add: [
        { header: { key: 'grpc-status-details-bin', value: status(answer) }, append_action: 'ADD_IF_ABSENT' },
        ...(answer.retry_after_s === undefined ? [] : [{ header: { key: 'retry-after', value: `${answer.retry_after_s}` }, append_action: 'ADD_IF_ABSENT' }]),
      ],
      // The form of Connect's unary errors (https://connectrpc.com/docs/protocol#error-end-stream), which JSON clients can read as well.
      body_format_override: {
        json_format: {
          code: answer.connect_code,
          message: ERRORS[answer.reason].message_en,
          details: detailsOf(answer).map((detail) => ({ type: detail.typeUrl.split('/')[1], value: base64(detail.value) })),
        },
      },
    })),
  };
}

function status(answer: OwnAnswer): string {
  return base64(toBinary(StatusSchema, create(StatusSchema, { code: answer.code, message: ERRORS[answer.reason].message_en, details: detailsOf(answer) })));
}

function detailsOf(answer: OwnAnswer): Any[] {
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: answer.reason, domain: 'rail.chunyun' })),
    anyPack(LocalizedMessageSchema, create(LocalizedMessageSchema, { locale: 'zh', message: ERRORS[answer.reason].message_zh })),
  ];
  if (answer.retry_after_s !== undefined) {
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: BigInt(answer.retry_after_s), nanos: 0 } })));
  }
  return details;
}

/** Without padding, as both gRPC's binary headers and Connect's details want it. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
