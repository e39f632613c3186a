import test from 'ava';
import { assignments, eachRow } from './each_row.ts';

test('each row gets its own value, and what is the same for all is said once', (t) => {
  t.deepEqual(eachRow('id', [1, 2], ['a', null]), { sql: 'ELT(FIELD(id, ?), ?)', params: [[1, 2], ['a', null]] });
  t.deepEqual(eachRow('id', [1, 2], [undefined, null]), { sql: '?', params: [undefined] });
  const date = new Date(1);
  t.deepEqual(eachRow('id', [1, 2], [date, new Date(1)]), { sql: '?', params: [date] });
  t.throws(() => eachRow('id', [1], []), { instanceOf: RangeError });
  t.deepEqual(assignments({ a: eachRow('id', [1, 2], [3, 4]), b: { sql: 'b + 1', params: [] } }), { sql: 'a = ELT(FIELD(id, ?), ?), b = b + 1', params: [[1, 2], [3, 4]] });
});
