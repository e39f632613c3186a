import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { redact, redactError } from './redact.ts';
import { scrubText } from '#kit/base/mask.ts';

export type Log = Logger;

export type LogOptions = {
  service: string;
  version?: string;
  /** Default: LOG_LEVEL, else `info`. */
  level?: string;
  /** Default: standard output. */
  destination?: DestinationStream;
};

/**
 * A logger of JSON lines: time, level, service, version, the trace and span of the current call, then the given fields.
 * Personal data and secrets are removed by field name at any depth, and what looks like them is masked in free text.
 */
export function createLog({ service, version = '0.0.0', level, destination }: LogOptions): Log {
  const options = {
    level: level ?? process.env.LOG_LEVEL ?? 'info',
    base: { service, version },
    timestamp: stdTimeFunctions.isoTime,
    messageKey: 'message',
    errorKey: 'error',
    mixin: traceFields,
    formatters: { level: (label: string) => ({ level: label }), log: redact },
    serializers: { error: redactError },
    hooks: { logMethod: scrubMessage },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** A logger that says nothing, for tests and tools. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}

function traceFields(): object {
  const context = trace.getActiveSpan()?.spanContext();
  if (context === undefined || !isSpanContextValid(context)) return {};
  return { trace_id: context.traceId, span_id: context.spanId };
}

/** Messages are free text, also those of libraries: mask what looks personal before it is formatted. */
function scrubMessage(this: Logger, parts: Parameters<Logger['info']>, method: (...parts: Parameters<Logger['info']>) => void): void {
  const scrubbed = parts.map((part: unknown) => (typeof part === 'string' ? scrubText(part) : part));
  method.apply(this, scrubbed as Parameters<Logger['info']>);
}
