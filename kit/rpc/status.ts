import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Any, Duration } from '@bufbuild/protobuf/wkt';
import { Metadata } from '@grpc/grpc-js';
import type { ServiceError, StatusObject } from '@grpc/grpc-js';
import { BadRequestSchema, ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import type { Status } from '#gen/google/rpc/status_pb.ts';
import { errorSpec, HTTP_STATUS_OF_CODE, isErrorReason } from '#kit/base/errors.ts';
import type { Failure } from '#kit/base/result.ts';
import { codeName, codeNumber } from './codes.ts';
import { failureMessage, RpcError } from './error.ts';
import type { RpcErrorFields } from './error.ts';

export const ERROR_DOMAIN = 'rail.chunyun';

/** Where the details travel, as a serialized google.rpc.Status (https://grpc.io/docs/guides/error/#richer-error-model). */
export const DETAILS_KEY = 'grpc-status-details-bin';

/** The HTTP status for the edge's JSON side, sent where the code alone would map to another (423 for a locked seat). */
export const HTTP_STATUS_KEY = 'x-http-status';

/** Set on OVERLOADED: the edge then lets fewer in for a while (envoy/admission.lua), and takes it off. */
export const OVERLOADED_KEY = 'x-overloaded';

export type Locale = 'zh-CN' | 'en';

/** A failure as a gRPC status: ErrorInfo, a sentence in the caller's language, RetryInfo and BadRequest where they apply. */
export function toStatus(failure: Failure, locale: Locale = 'zh-CN'): StatusObject {
  const spec = errorSpec(failure.reason);
  const status = outcomeStatus(failure, locale);
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(toBinary(StatusSchema, status)));
  if (spec.http_status !== HTTP_STATUS_OF_CODE[spec.code]) metadata.set(HTTP_STATUS_KEY, String(spec.http_status));
  if (failure.reason === 'OVERLOADED') metadata.set(OVERLOADED_KEY, '1');
  return { code: status.code, details: status.message, metadata };
}

/** A failure as one outcome among many, in the answer of a batch: what the call alone would have failed with. */
export function outcomeStatus(failure: Failure, locale: Locale = 'zh-CN'): Status {
  return create(StatusSchema, { code: codeNumber(errorSpec(failure.reason).code), message: failureMessage(failure), details: detailsOf(failure, locale) });
}

/** Such an outcome as the caller reads it; INTERNAL for a reason that is none of ours, which is a bug of one of the two. */
export function outcomeFailure({ code, message, details }: Status): Failure {
  const fields: RpcErrorFields = { code: codeName(code) };
  for (const detail of details) readDetail(detail, fields);
  const { reason, metadata, retry_after_ms } = fields;
  if (reason === undefined || !isErrorReason(reason)) return { reason: 'INTERNAL', detail: `a batch was answered with code ${code} and no reason` };
  return { reason, detail: message, ...(metadata === undefined ? {} : { metadata }), ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
}

/** Reads the status of a failed call. A status without details, as proxies and libraries make them, has only its code. */
export function fromStatus(error: ServiceError): RpcError {
  const fields: RpcErrorFields = { code: codeName(error.code), remote: true };
  for (const detail of readDetails(error.metadata)) readDetail(detail, fields);
  return new RpcError(error.details, fields);
}

/** The language of the sentence: the first of Chinese and English in `accept-language`, else Chinese. */
export function localeOf(accept_language: string | undefined): Locale {
  if (accept_language === undefined) return 'zh-CN';
  return /(?:^|,)\s*(zh|en)\b/i.exec(accept_language)?.[1]?.toLowerCase() === 'en' ? 'en' : 'zh-CN';
}

function detailsOf({ reason, detail, metadata = {}, retry_after_ms }: Failure, locale: Locale): Any[] {
  const spec = errorSpec(reason);
  const message = locale === 'en' ? spec.message_en : spec.message_zh;
  const details = [
    anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: ERROR_DOMAIN, metadata })),
    anyPack(LocalizedMessageSchema, create(LocalizedMessageSchema, { locale, message })),
  ];
  if (retry_after_ms !== undefined) details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationOf(retry_after_ms) })));
  if (metadata.field !== undefined) {
    const violation = { field: metadata.field, description: detail ?? message };
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: [violation] })));
  }
  return details;
}

/** Details come from the network: what cannot be read is left out rather than turned into another error. */
function readDetails(metadata: Metadata | undefined): Any[] {
  const bytes = metadata?.get(DETAILS_KEY)[0];
  if (!(bytes instanceof Buffer)) return [];
  try {
    return fromBinary(StatusSchema, bytes).details;
  } catch {
    return [];
  }
}

function readDetail(detail: Any, fields: RpcErrorFields): void {
  try {
    const info = anyUnpack(detail, ErrorInfoSchema);
    if (info !== undefined) {
      if (info.domain === ERROR_DOMAIN) fields.reason = info.reason;
      fields.metadata = info.metadata;
    }
    const retry_delay = anyUnpack(detail, RetryInfoSchema)?.retryDelay;
    if (retry_delay !== undefined) fields.retry_after_ms = millisecondsOf(retry_delay);
    const localized = anyUnpack(detail, LocalizedMessageSchema);
    if (localized !== undefined) fields.localized = { locale: localized.locale, message: localized.message };
  } catch {
    // A detail that is cut off: the code still stands.
  }
}

function durationOf(ms: number): { seconds: bigint; nanos: number } {
  const whole = Math.max(0, Math.ceil(ms));
  return { seconds: BigInt(Math.floor(whole / 1000)), nanos: (whole % 1000) * 1_000_000 };
}

function millisecondsOf({ seconds, nanos }: Duration): number {
  return Number(seconds) * 1000 + Math.ceil(nanos / 1_000_000);
}
