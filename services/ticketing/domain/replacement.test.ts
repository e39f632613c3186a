import test from 'ava';
import { judgeReplaced, type Earlier } from './replacement.ts';

const ticket = (ticket_id: bigint, item_id: string, version: bigint, state: Earlier['state']): Earlier => ({ ticket_id, item_id, version, state });
const fresh = [{ item_id: '7-1', version: 5n }, { item_id: '7-2', version: 5n }];

test('each new ticket takes the place of the one valid ticket that its item has', (t) => {
  const earlier = [ticket(1n, '7-1', 3n, 'VALID'), ticket(2n, '7-2', 2n, 'VOID'), ticket(3n, '7-2', 3n, 'VALID'), ticket(4n, '7-3', 3n, 'VALID'), ticket(5n, '7-1', 5n, 'ISSUING')];
  t.deepEqual(judgeReplaced(fresh, earlier), [1n, 3n]);
});

test('nothing is replaced when one of them was used or voided', (t) => {
  for (const state of ['USED', 'VOID'] as const) t.is(judgeReplaced(fresh, [ticket(1n, '7-1', 3n, 'VALID'), ticket(3n, '7-2', 3n, state)]), undefined, state);
  t.is(judgeReplaced(fresh, [ticket(1n, '7-1', 3n, 'VALID')]), undefined);
});

test('two valid tickets of one item are a bug', (t) => {
  t.throws(() => judgeReplaced(fresh.slice(0, 1), [ticket(1n, '7-1', 3n, 'VALID'), ticket(2n, '7-1', 4n, 'VALID')]));
});
