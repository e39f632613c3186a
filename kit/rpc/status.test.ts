import test from 'ava';
import { Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import * as fc from 'fast-check';
import { ERRORS, errorSpec } from '#kit/base/errors.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { RpcError } from './error.ts';
import { DETAILS_KEY, fromStatus, localeOf, toStatus } from './status.ts';

const reasons = fc.constantFrom(...(Object.keys(ERRORS) as ErrorReason[]));

test('every failure comes back from its status as it was', (t) => {
  const failure = fc.record({ reason: reasons, metadata: fc.dictionary(fc.stringMatching(/^[a-z_]{1,10}$/), fc.string()), retry_after_ms: fc.option(fc.nat(10_000_000), { nil: undefined }) });
  fc.assert(fc.property(failure, (given) => {
    const status = toStatus(given, 'en');
    const read = fromStatus(Object.assign(new Error(status.details), status) as ServiceError);
    t.is(read.code, errorSpec(given.reason).code);
    t.is(read.reason, given.reason);
    t.deepEqual(read.metadata, { ...given.metadata });
    t.is(read.retry_after_ms, given.retry_after_ms);
    t.is(read.localized?.message, errorSpec(given.reason).message_en);
  }));
});

test('a status of somebody else, and broken details, leave the code', (t) => {
  const error = (metadata: Metadata): RpcError => fromStatus(Object.assign(new Error('x'), { code: 14, details: 'upstream reset', metadata }) as ServiceError);
  const broken = new Metadata();
  broken.set(DETAILS_KEY, Buffer.from([0xff, 0xff, 0xff]));
  for (const read of [error(new Metadata()), error(broken)]) {
    t.is(read.code, 'UNAVAILABLE');
    t.is(read.reason, undefined);
    t.is(read.message, 'upstream reset');
  }
});

test('the language asked for', (t) => {
  t.deepEqual([undefined, '', 'zh-CN,zh;q=0.9', 'en', 'fr-FR, en-GB;q=0.8', 'zh-TW, en', 'de'].map((header) => localeOf(header)), ['zh-CN', 'zh-CN', 'zh-CN', 'en', 'en', 'zh-CN', 'zh-CN']);
});
