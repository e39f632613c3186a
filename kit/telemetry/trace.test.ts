import test from 'ava';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { activeTraceId, extractTrace, injectTrace, runInSpan, SpanKind, startSpan, startTracing, traceHeaders, withSpan, withTraceHeaders } from './trace.ts';

const exporter = new InMemorySpanExporter();
startTracing({ exporter });

test.serial('spans nest, and a failed one says what kind of error but not its text', async (t) => {
  exporter.reset();
  await t.throwsAsync(withSpan('outer', { order_id: '7' }, () => withSpan('inner', {}, () => Promise.reject(new TypeError('11010519491231002X')))));
  const [inner, outer] = exporter.getFinishedSpans();
  t.is(inner?.parentSpanContext?.spanId, outer?.spanContext().spanId);
  t.deepEqual(outer?.attributes, { order_id: '7' });
  t.deepEqual(inner?.status, { code: 2, message: 'TypeError' });
  t.deepEqual(inner?.events, []);
});

test.serial('a trace goes through headers and on, with its decision to record', async (t) => {
  let headers: Record<string, string> = {};
  let trace_id: string | undefined;
  await withSpan('publish', {}, async () => {
    headers = traceHeaders();
    trace_id = activeTraceId();
  });
  t.regex(headers.traceparent ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  await withTraceHeaders(headers, () => withSpan('consume', {}, async () => t.is(activeTraceId(), trace_id)));
  t.is(activeTraceId(), undefined);
});

test.serial('headers that are none start a new trace', (t) => {
  const parent = extractTrace((name) => (name === 'traceparent' ? 'garbage' : undefined));
  const span = startSpan('call', SpanKind.SERVER, {}, parent);
  runInSpan(span, parent, () => {
    const sent = new Map<string, string>();
    injectTrace((name, value) => void sent.set(name, value));
    t.true(sent.get('traceparent')?.includes(span.spanContext().traceId));
  });
  span.end();
});
