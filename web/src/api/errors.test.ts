import { toBinary, create } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-web';
import test from 'ava';
import { ErrorInfoSchema, LocalizedMessageSchema, RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { errorSentence, isTransient, outcomeUnknown, readError } from './errors.ts';

test('[web] an error as Envoy’s Connect bridge writes it is read: type as URL, base64 with padding', async (t) => {
  const details = [
    anyOf(ErrorInfoSchema, { reason: 'THROTTLED', metadata: { limit: '3' } }),
    anyOf(RetryInfoSchema, { retryDelay: { seconds: 2n, nanos: 500_000_000 } }),
  ];
  t.true(details.some(({ value }) => value.endsWith('=')), 'the padded form is what is tested');
  const error = readError(await thrownBy(() => answer(429, { code: 'resource_exhausted', message: 'x', details })));
  t.like(error, { kind: 'throttled', reason: 'THROTTLED', metadata: { limit: '3' }, retry_after_ms: 2_500 });
  t.is(errorSentence(error, 'zh'), '操作过于频繁，请稍后再试。');
  t.is(errorSentence(error, 'en'), 'You are asking too often. Please wait a moment.');
});

test('[web] the bare type of Connect itself is read too', async (t) => {
  const { type, ...detail } = anyOf(ErrorInfoSchema, { reason: 'STATION_UNKNOWN' });
  const error = readError(await thrownBy(() => answer(400, { code: 'invalid_argument', details: [{ ...detail, type: type.replace('type.googleapis.com/', '') }] })));
  t.like(error, { kind: 'refused', reason: 'STATION_UNKNOWN' });
});

test('[web] a detail that cannot be read hides nothing else', async (t) => {
  const details = [{ type: 'type.googleapis.com/google.rpc.ErrorInfo', value: 'CgT/' }, anyOf(ErrorInfoSchema, { reason: 'SOLD_OUT' })];
  t.is(readError(await thrownBy(() => answer(400, { code: 'failed_precondition', details }))).reason, 'SOLD_OUT');
});

test('[web] the edge’s own refusals carry no details: the HTTP status and its header decide', async (t) => {
  const shed = readError(await thrownBy(() => new Response('local_rate_limited', { status: 429, headers: { 'content-type': 'text/plain', 'retry-after': '3' } })));
  t.like(shed, { kind: 'throttled', retry_after_ms: 3_000 });
  const unauthorised = readError(await thrownBy(() => new Response('Jwt is expired', { status: 401, headers: { 'content-type': 'text/plain' } })));
  t.like(unauthorised, { kind: 'signed_out', reason: undefined });
});

test('[web] an unreachable host is offline, and the outcome of a write is then unknown', async (t) => {
  const error = readError(await thrownBy(() => Promise.reject(new TypeError('Failed to fetch'))));
  t.is(error.kind, 'offline');
  t.true(outcomeUnknown(error));
  t.true(isTransient(error));
});

test('[web] a reason newer than this page is told in the server’s words', (t) => {
  const thrown = new ConnectError('x', Code.FailedPrecondition, undefined, [
    { desc: ErrorInfoSchema, value: { reason: 'REASON_OF_NEXT_YEAR' } },
    { desc: LocalizedMessageSchema, value: { locale: 'zh-CN', message: '明年的原因' } },
    { desc: LocalizedMessageSchema, value: { locale: 'en', message: 'of next year' } },
  ]);
  const error = readError(thrown);
  t.is(error.reason, undefined);
  t.is(errorSentence(error, 'zh'), '明年的原因');
  t.is(errorSentence(error, 'en'), 'of next year');
  t.false(outcomeUnknown(error), 'a refusal is an outcome');
});

test('[web] a wrong password does not mean signed out', (t) => {
  const thrown = new ConnectError('x', Code.Unauthenticated, undefined, [{ desc: ErrorInfoSchema, value: { reason: 'CREDENTIALS_WRONG' } }]);
  t.is(readError(thrown).kind, 'refused');
});

function anyOf<Desc extends DescMessage>(schema: Desc, value: MessageInitShape<Desc>): { type: string; value: string } {
  return { type: `type.googleapis.com/${schema.typeName}`, value: Buffer.from(toBinary(schema, create(schema, value))).toString('base64') };
}

function answer(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
}

async function thrownBy(respond: () => Response | Promise<Response>): Promise<unknown> {
  const client = createClient(QueryService, createConnectTransport({ baseUrl: 'http://edge.invalid', useBinaryFormat: true, useHttpGet: true, fetch: async () => respond() }));
  try {
    await client.getTrainRun({ runId: 'x' });
  } catch (error) {
    return error;
  }
  throw new Error('the call should have failed');
}
