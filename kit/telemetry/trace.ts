import { context, isSpanContextValid, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BatchSpanProcessor, InMemorySpanExporter, ParentBasedSampler, SimpleSpanProcessor, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import type { SpanExporter } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

export { SpanKind };
export type { Attributes, Context, Span };

export type TracingOptions = {
  /** Where finished spans go; none: spans only give ids to logs and pass the trace on. */
  exporter?: SpanExporter;
  /** Share of new traces that are recorded, 0 … 1. A trace begun elsewhere keeps its decision. */
  sample_ratio?: number;
};

let provider: NodeTracerProvider | undefined;

/**
 * Sets up tracing once a process: W3C trace context, async context, sampling by trace id. Later calls change nothing, so
 * an entry file that wants an exporter calls this before it starts a server.
 */
export function startTracing({ exporter, sample_ratio = exporter === undefined ? 0 : 1 }: TracingOptions = {}): { stop(): Promise<void> } {
  if (provider === undefined) {
    const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sample_ratio) });
    provider = new NodeTracerProvider({ sampler, spanProcessors: exporter === undefined ? [] : [processorFor(exporter)] });
    // No baggage: it would carry whatever a client sends through every service.
    provider.register({ propagator: new W3CTraceContextPropagator() });
  }
  return { stop: () => provider?.shutdown() ?? Promise.resolve() };
}

/** Runs `fn` inside a span. A throw marks the span as failed, with the kind of error but no text that could be personal. */
export async function withSpan<T>(name: string, attributes: Attributes, fn: (span: Span) => Promise<T>): Promise<T> {
  return tracer().startActiveSpan(name, { attributes }, async (span) => {
    try {
      return await fn(span);
    } catch (error) {
      markFailed(span, error);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** A span that its owner ends; `parent` is the context it belongs to (default: the active one). */
export function startSpan(name: string, kind: SpanKind, attributes: Attributes, parent: Context = context.active()): Span {
  return tracer().startSpan(name, { kind, attributes }, parent);
}

/** Runs `fn` with the span as the active one, so that logs and calls below belong to it. */
export function runInSpan<T>(span: Span, parent: Context, fn: () => T): T {
  return context.with(trace.setSpan(parent, span), fn);
}

export function markFailed(span: Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'error' });
}

/** Writes the trace of the active span, or of `of`, as W3C headers (`traceparent`, `tracestate`). */
export function injectTrace(set: (name: string, value: string) => void, of: Context = context.active()): void {
  propagation.inject(of, set, SETTER);
}

/** The context that W3C headers speak of; the empty one when there are none. Works for gRPC metadata and event headers. */
export function extractTrace(get: (name: string) => string | undefined): Context {
  return propagation.extract(ROOT_CONTEXT, get, GETTER);
}

/** The trace headers of the active span as a map: for the outbox and the event envelope. */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  injectTrace((name, value) => {
    headers[name] = value;
  });
  return headers;
}

/** Continues the trace of stored headers, as a consumer of events does. */
export function withTraceHeaders<T>(headers: Record<string, string>, fn: () => T): T {
  return context.with(extractTrace((name) => headers[name]), fn);
}

/** The id of the active trace, as error reports and audit rows name it; undefined outside any. */
export function activeTraceId(): string | undefined {
  const span_context = trace.getActiveSpan()?.spanContext();
  return span_context !== undefined && isSpanContextValid(span_context) ? span_context.traceId : undefined;
}

function tracer(): ReturnType<typeof trace.getTracer> {
  return trace.getTracer('chunyun');
}

/** Spans kept in memory are read by tests right after they end; all others are sent in batches with bounded queues. */
function processorFor(exporter: SpanExporter): SimpleSpanProcessor | BatchSpanProcessor {
  return exporter instanceof InMemorySpanExporter ? new SimpleSpanProcessor(exporter) : new BatchSpanProcessor(exporter);
}

const SETTER = {
  set(write: (name: string, value: string) => void, name: string, value: string): void {
    write(name, value);
  },
};

const GETTER = {
  keys: (): string[] => ['traceparent', 'tracestate'],
  get: (read: (name: string) => string | undefined, name: string): string | undefined => read(name),
};
