import { fromBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { errorSpec, isErrorReason } from '#kit/base/errors.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import type { Language } from '../i18n/language.ts';

/** What a page does about an error depends on its kind; what it says depends on the reason. */
export type ErrorKind = 'offline' | 'signed_out' | 'throttled' | 'not_found' | 'refused' | 'unavailable' | 'cancelled' | 'internal';

export type ApiError = {
  kind: ErrorKind;
  reason?: ErrorReason;
  metadata: Record<string, string>;
  retry_after_ms?: number;
  /** Sentences of the server, for a reason newer than this page. */
  localized: { locale: string; message: string }[];
};

/** Reads whatever a call threw. Never throws itself. */
export function readError(thrown: unknown): ApiError {
  const error = ConnectError.from(thrown);
  const info = detailsOf(error, ErrorInfoSchema)[0];
  const delay = detailsOf(error, RetryInfoSchema)[0]?.retryDelay;
  const reason = info !== undefined && isErrorReason(info.reason) ? info.reason : undefined;
  return {
    kind: kindOf(error, thrown, reason),
    reason,
    metadata: { ...info?.metadata },
    retry_after_ms: delay === undefined ? retryAfterHeader_ms(error) : Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6),
    localized: detailsOf(error, LocalizedMessageSchema).map(({ locale, message }) => ({ locale, message })),
  };
}

/** The sentence for people, or undefined when neither the table nor the server has one. */
export function errorSentence(error: ApiError, language: Language): string | undefined {
  if (error.reason !== undefined) {
    const spec = errorSpec(error.reason);
    return language === 'zh' ? spec.message_zh : spec.message_en;
  }
  const fitting = error.localized.find(({ locale }) => locale.toLowerCase().startsWith(language));
  return (fitting ?? error.localized[0])?.message;
}

/** True when the effect of a write is not known: it must be repeated with the same request id, never with a new one. */
export function outcomeUnknown(error: ApiError): boolean {
  return error.reason === 'OUTCOME_UNKNOWN' || error.reason === 'DEADLINE' || ['offline', 'unavailable', 'throttled', 'internal', 'cancelled', 'signed_out'].includes(error.kind);
}

/** True when asking again by itself may help. */
export function isTransient(error: ApiError): boolean {
  return ['offline', 'unavailable', 'throttled', 'internal'].includes(error.kind);
}

/**
 * Details of a type. Envoy's Connect bridge writes the type as the URL of an Any (`type.googleapis.com/…`) where Connect
 * writes the bare name; both are accepted. What cannot be read is skipped: an error must never hide behind its details.
 */
function detailsOf<Desc extends DescMessage>(error: ConnectError, schema: Desc): MessageShape<Desc>[] {
  const found = [];
  for (const detail of error.details) {
    if ('desc' in detail) {
      if (detail.desc.typeName === schema.typeName) found.push(detail.value as MessageShape<Desc>);
      continue;
    }
    if (detail.type.slice(detail.type.lastIndexOf('/') + 1) !== schema.typeName) continue;
    try {
      found.push(fromBinary(schema, detail.value));
    } catch {
      continue;
    }
  }
  return found;
}

function kindOf(error: ConnectError, thrown: unknown, reason: ErrorReason | undefined): ErrorKind {
  // fetch reports an unreachable host as a TypeError without further words.
  if (thrown instanceof TypeError || error.cause instanceof TypeError) return 'offline';
  if (error.code === Code.Unavailable && reason === undefined && error.rawMessage === 'HTTP 429') return 'throttled';
  if (reason === 'CREDENTIALS_WRONG') return 'refused';
  return KIND_OF_CODE[error.code] ?? 'refused';
}

/** The edge sheds load before any service is asked: then there are no details, only the HTTP header. */
function retryAfterHeader_ms(error: ConnectError): number | undefined {
  const seconds = Number(error.metadata.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

const KIND_OF_CODE: Partial<Record<Code, ErrorKind>> = {
  [Code.Canceled]: 'cancelled',
  [Code.Unknown]: 'internal',
  [Code.Internal]: 'internal',
  [Code.DataLoss]: 'internal',
  [Code.Unimplemented]: 'internal',
  [Code.DeadlineExceeded]: 'unavailable',
  [Code.Unavailable]: 'unavailable',
  [Code.ResourceExhausted]: 'throttled',
  [Code.Unauthenticated]: 'signed_out',
  [Code.NotFound]: 'not_found',
};
