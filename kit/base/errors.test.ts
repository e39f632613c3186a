import test from 'ava';
import { ERRORS, HTTP_STATUS_OF_CODE, isErrorReason } from './errors.ts';
import type { ErrorReason } from './errors.ts';

const REASONS = Object.keys(ERRORS) as ErrorReason[];

test('every reason has a sentence in both languages that says what to do', (t) => {
  for (const reason of REASONS) {
    const { message_en, message_zh } = ERRORS[reason];
    t.regex(reason, /^[A-Z][A-Z_]+[A-Z]$/);
    t.regex(message_en, /^[A-Z].*\.$/, reason);
    t.regex(message_zh, /^\p{Script=Han}.*。$/u, reason);
    t.true(message_en.length <= 120 && message_zh.length <= 60, reason);
    t.notRegex(message_en + message_zh, /\b(null|undefined|exception|gRPC|Redis|SQL)\b/i, reason);
  }
});

test('the HTTP statuses that the requirements name are used', (t) => {
  const used = new Set(REASONS.map((reason) => ERRORS[reason].http_status));
  for (const status of [400, 401, 403, 409, 423, 504]) t.true(used.has(status), String(status));
  t.is(ERRORS.SEAT_LOCKED.http_status, 423);
  t.is(ERRORS.VERSION_STALE.code, 'ABORTED');
  t.is(ERRORS.SOLD_OUT.code, 'FAILED_PRECONDITION');
  t.is(ERRORS.THROTTLED.code, 'RESOURCE_EXHAUSTED');
});

test('only what a person cannot repeat unchanged differs from the status of its code', (t) => {
  for (const reason of REASONS) {
    const { code, http_status } = ERRORS[reason];
    if (code !== 'FAILED_PRECONDITION') t.is(http_status, HTTP_STATUS_OF_CODE[code], reason);
  }
});

test('a text is a reason only when it is in the table', (t) => {
  t.true(isErrorReason('SOLD_OUT'));
  t.false(isErrorReason('toString'));
  t.false(isErrorReason('NEWER_REASON'));
});
