import test from 'ava';
import { toBase64Url } from '#kit/base/bytes.ts';
import { hmacSign } from '#kit/crypto/hmac.ts';
import { createQueueTokens } from './queue_token.ts';

const KEY = new Uint8Array(32).fill(7);
const TICKET = { entry_id: 'entry', run_id: 'G1.20260116', account_id: '7', priority: 2, sequence: 5, expire_ms: 1000 };
const DEMAND = { from_index: 0, to_index: 3, groups: [{ classes: '13', count: 2 }], picky: false, parts: true };

test('a token brings back what it was made of, and nothing when it was touched', (t) => {
  const tokens = createQueueTokens([KEY]);
  const token = tokens.seal({ ...TICKET, demand: DEMAND });
  t.deepEqual(tokens.open(token), { ...TICKET, demand: DEMAND });
  t.like(tokens.open(tokens.seal(TICKET)), { ...TICKET, demand: undefined });
  t.is(tokens.open(`${token.slice(0, -1)}_`), undefined);
  t.is(createQueueTokens([new Uint8Array(32)]).open(token), undefined);
});

test('a token of before tokens said what is wanted is as good', (t) => {
  const { entry_id, run_id, account_id, priority, sequence, expire_ms } = TICKET;
  const body = toBase64Url(new TextEncoder().encode(JSON.stringify([entry_id, run_id, account_id, priority, sequence, expire_ms])));
  const signature = hmacSign(hmacSign(KEY, ['order.queue_token']), ['q1', body]);
  t.like(createQueueTokens([KEY]).open(`q1.${body}.${toBase64Url(signature)}`), { ...TICKET, demand: undefined });
});
