import { readFileSync } from 'node:fs';
import { create, toBinary, toJson, createRegistry } from '@bufbuild/protobuf';
import { anyPack, type Any } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { securityHeaders } from './headers.ts';
import { errorSpec, type CodeName, type ErrorReason } from '#kit/base/errors.ts';

/** When Envoy refuses by itself: by the HTTP status it would give, by a response flag, or by a word in its reasons. */
type When = { status: number } | { flag: string } | { status: number; details: string };

/** `early` ones are given before a request meets any filter, answers.lua too. */
type OwnAnswer = { name: string; when: When; http_status: number; reason: ErrorReason; retry_after_s?: number; early?: true };

/**
 * What the edge answers by itself. The first that fits is given. Tokens that cannot be judged because the keys are out
 * of reach are not called invalid: that would log everybody out.
 */
const OWN_ANSWERS: OwnAnswer[] = [
  { name: 'expired', when: { status: 401, details: 'Jwt_is_expired' }, http_status: 401, reason: 'TOKEN_EXPIRED' },
  { name: 'no_keys', when: { status: 401, details: 'Jwks_remote_fetch_is_failed' }, http_status: 503, reason: 'DEPENDENCY_UNAVAILABLE', retry_after_s: 1 },
  // For another audience: not forbidden to a known somebody, but from nobody that we know.
  { name: 'stranger', when: { status: 403, details: 'jwt_authn_access_denied' }, http_status: 401, reason: 'TOKEN_INVALID' },
  // The edge itself runs short of memory.
  { name: 'full', when: { status: 503, details: 'overload' }, http_status: 429, reason: 'OVERLOADED', retry_after_s: 2, early: true },
  { name: 'overflow', when: { flag: 'UO' }, http_status: 429, reason: 'OVERLOADED', retry_after_s: 1 },
  { name: 'malformed', when: { status: 400 }, http_status: 400, reason: 'FIELD_INVALID' },
  { name: 'token', when: { status: 401 }, http_status: 401, reason: 'TOKEN_INVALID' },
  { name: 'denied', when: { status: 403 }, http_status: 403, reason: 'NOT_ALLOWED' },
  { name: 'unknown', when: { status: 404 }, http_status: 404, reason: 'NOT_IMPLEMENTED' },
  { name: 'slow', when: { status: 408 }, http_status: 408, reason: 'DEADLINE' },
  { name: 'large', when: { status: 413 }, http_status: 413, reason: 'MESSAGE_TOO_LARGE' },
  { name: 'form', when: { status: 415 }, http_status: 415, reason: 'NOT_IMPLEMENTED' },
  // admission.lua: too many submit at once.
  { name: 'crowded', when: { status: 429, details: 'lua_response' }, http_status: 429, reason: 'OVERLOADED', retry_after_s: 2 },
  { name: 'throttled', when: { status: 429 }, http_status: 429, reason: 'THROTTLED', retry_after_s: 1 },
  { name: 'headers', when: { status: 431 }, http_status: 431, reason: 'MESSAGE_TOO_LARGE' },
  { name: 'broken', when: { status: 500 }, http_status: 500, reason: 'INTERNAL' },
  { name: 'bad_gateway', when: { status: 502 }, http_status: 503, reason: 'DEPENDENCY_UNAVAILABLE', retry_after_s: 1 },
  { name: 'unavailable', when: { status: 503 }, http_status: 503, reason: 'DEPENDENCY_UNAVAILABLE', retry_after_s: 1 },
  { name: 'late', when: { status: 504 }, http_status: 504, reason: 'DEADLINE' },
];

const CODES: Partial<Record<CodeName, { number: number; connect: string }>> = {
  INVALID_ARGUMENT: { number: 3, connect: 'invalid_argument' },
  DEADLINE_EXCEEDED: { number: 4, connect: 'deadline_exceeded' },
  PERMISSION_DENIED: { number: 7, connect: 'permission_denied' },
  RESOURCE_EXHAUSTED: { number: 8, connect: 'resource_exhausted' },
  UNIMPLEMENTED: { number: 12, connect: 'unimplemented' },
  INTERNAL: { number: 13, connect: 'internal' },
  UNAVAILABLE: { number: 14, connect: 'unavailable' },
  UNAUTHENTICATED: { number: 16, connect: 'unauthenticated' },
};

const DETAILS = createRegistry(ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema);

/**
 * Answers that the edge gives by itself carry the same typed details as those of a service, so that a page or a partner
 * reads one kind of error: in the headers for gRPC and gRPC-Web, in the body as the transcoder writes it for JSON.
 * `answers.lua` puts Connect's form in its place by the name in `x-edge-reply`. Nobody's language is known here, so the
 * sentence comes in both. Each carries the security headers and `more_headers`.
 */
export function localReplies(more_headers: Record<string, string> = {}): object {
  const headers = Object.entries({ ...securityHeaders(), ...more_headers }).map(([key, value]) => ({ header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }));
  return { mappers: [inBrowser(headers), ...OWN_ANSWERS.flatMap((answer) => [...(answer.early ? early(answer, headers) : []), mapper(answer, headers)])] };
}

/** Whoever opens a page in a browser while the edge can't give it reads words, not JSON, and needs no script to try again. */
function inBrowser(everywhere: readonly object[]): object {
  const status = (value: number): object => ({ status_code_filter: { comparison: { op: 'EQ', value: { default_value: value, runtime_key: 'edge.reply.page' } } } });
  const opens = { header_filter: { header: { name: 'accept', string_match: { contains: 'text/html' } } } };
  const header = (key: string, value: string): object => ({ header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' });
  return {
    filter: { and_filter: { filters: [{ or_filter: { filters: [429, 500, 502, 503, 504].map(status) } }, opens] } },
    headers_to_add: [header('retry-after', '15'), header('cache-control', 'no-store'), ...everywhere],
    body_format_override: { text_format_source: { inline_string: AWAY_PAGE.replaceAll('%', '%%') }, content_type: 'text/html; charset=utf-8' },
  };
}

const AWAY_PAGE = readFileSync(new URL('./away/index.html', import.meta.url), 'utf8');

/** Connect's JSON (https://connectrpc.com/docs/protocol#error-end-stream) of each own answer, by name. */
export function connectReplies(): Record<string, string> {
  return Object.fromEntries(OWN_ANSWERS.map((answer) => [answer.name, JSON.stringify(connectJson(answer))]));
}

function connectJson(answer: OwnAnswer): object {
  const details = detailsOf(answer).map((detail) => ({ type: detail.typeUrl.slice(detail.typeUrl.lastIndexOf('/') + 1), value: base64(detail.value) }));
  return { code: codeOf(answer).connect, message: messageOf(answer), details };
}

/** What answers.lua makes of others, for calls of one answer. */
function early(answer: OwnAnswer, everywhere: readonly object[]): object[] {
  const unlike = mapper(answer, everywhere);
  const where = (...asked: object[]): object => ({ and_filter: { filters: [filterOf(answer), asked.length === 1 ? asked[0] : { or_filter: { filters: asked } }] } });
  const has = (name: string, match: object): object => ({ header_filter: { header: { name, ...match } } });
  const connect = where(has('connect-protocol-version', { present_match: true }), has(':path', { string_match: { contains: 'connect=v1' } }));
  const grpc_web = where(has('content-type', { string_match: { prefix: 'application/grpc-web' } }));
  return [
    { ...unlike, filter: connect, body_format_override: { json_format: connectJson(answer), content_type: 'application/json' } },
    // The status is in the headers; a header that nobody sends makes an empty body.
    { ...unlike, filter: grpc_web, status_code: 200, body_format_override: { text_format_source: { inline_string: '%REQ(X-EDGE-NOTHING)%' }, omit_empty_values: true, content_type: 'application/grpc-web+proto' } },
  ];
}

/** The text for developers of each own answer, by name. */
export function replyMessages(): Record<string, string> {
  return Object.fromEntries(OWN_ANSWERS.map((answer) => [answer.name, messageOf(answer)]));
}

function mapper(answer: OwnAnswer, everywhere: readonly object[]): object {
  const header = (key: string, value: string): object => ({ header: { key, value }, append_action: 'ADD_IF_ABSENT' });
  const status = statusOf(answer);
  return {
    filter: filterOf(answer),
    status_code: answer.http_status,
    headers_to_add: [
      header('x-edge-reply', answer.name),
      header('grpc-status', String(status.code)),
      header('grpc-message', status.message),
      // The limiter, which knows when to come back to the millisecond, has set these two itself.
      header('grpc-status-details-bin', base64(toBinary(StatusSchema, status))),
      ...(answer.retry_after_s === undefined ? [] : [header('retry-after', String(answer.retry_after_s)), header('x-edge-retry-delay', `${answer.retry_after_s}s`)]),
      // Some of these are given before a request meets any filter.
      ...everywhere,
    ],
    body_format_override: { json_format: jsonBody(answer), content_type: 'application/json' },
  };
}

/** As the transcoder writes a service's status. */
function jsonBody(answer: OwnAnswer): object {
  const { code, message, details } = toJson(StatusSchema, statusOf(answer), { registry: DETAILS }) as { code: number; message: string; details: { retryDelay?: string }[] };
  return {
    code,
    // The transcoder says where the JSON is wrong.
    message: answer.name === 'malformed' ? `${answer.reason}: %LOCAL_REPLY_BODY%` : message,
    details: details.map(({ retryDelay, ...detail }) => (retryDelay === undefined ? detail : { ...detail, retry_delay: '%RESP(X-EDGE-RETRY-DELAY)%' })),
  };
}

function filterOf({ name, when }: OwnAnswer): object {
  if ('flag' in when) return { response_flag_filter: { flags: [when.flag] } };
  const status = { status_code_filter: { comparison: { op: 'EQ', value: { default_value: when.status, runtime_key: `edge.reply.${name}` } } } };
  if (!('details' in when)) return status;
  const because = {
    extension_filter: {
      name: 'envoy.access_loggers.extension_filters.cel',
      typed_config: { '@type': 'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', expression: `response.code_details.contains('${when.details}')` },
    },
  };
  return { and_filter: { filters: [status, because] } };
}

function statusOf(answer: OwnAnswer) {
  return create(StatusSchema, { code: codeOf(answer).number, message: messageOf(answer), details: detailsOf(answer) });
}

function codeOf({ reason }: OwnAnswer): { number: number; connect: string } {
  const found = CODES[errorSpec(reason).code];
  if (found === undefined) throw new Error(`no number for the code of ${reason}`);
  return found;
}

/** As kit/rpc writes it: the reason, then the sentence for developers. */
function messageOf({ reason }: OwnAnswer): string {
  return `${reason}: ${errorSpec(reason).message_en}`;
}

function detailsOf({ reason, retry_after_s }: OwnAnswer): Any[] {
  const { message_zh, message_en } = errorSpec(reason);
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: 'rail.chunyun' })),
    anyPack(LocalizedMessageSchema, create(LocalizedMessageSchema, { locale: 'zh-CN', message: message_zh })),
    anyPack(LocalizedMessageSchema, create(LocalizedMessageSchema, { locale: 'en', message: message_en })),
  ];
  if (retry_after_s !== undefined) {
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: BigInt(retry_after_s), nanos: 0 } })));
  }
  return details;
}

/** Without padding, as both gRPC's binary headers and Connect's details want it. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}
