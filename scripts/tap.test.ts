import test from 'ava';
import { readTap } from './tap.ts';

const OUTPUT = `TAP version 13
ok 1 - kit › base › adds
ok 2 - needs a feed # SKIP
not ok 3 - a plan # TODO
not ok 4 - subtracts
  ---
    name: AssertionError
    message: 'Difference:'
  ...
# a remark
ok 5

1..5
# tests 4
# pass 2
# fail 1
`;

test('counts what passed, failed and was skipped, however the output is cut', (t) => {
  for (const size of [1, 7, 1000]) {
    const reader = readTap();
    for (let at = 0; at < OUTPUT.length; at += size) reader.push(OUTPUT.slice(at, at + size));
    t.deepEqual(reader.counts(), { passed: 2, failed: 1, skipped: 2 });
  }
});

test('keeps the details of a failure and nothing else', (t) => {
  const details = readTap().push(OUTPUT).filter((event) => event.kind === 'detail');
  t.deepEqual(details.map((event) => event.text.trim()), ['---', 'name: AssertionError', "message: 'Difference:'", '...', '# a remark']);
});

test('a title may hold what looks like a directive', (t) => {
  const [event] = readTap().push('ok 1 - says # SKIPPED when 3 - 2\n');
  t.deepEqual(event, { kind: 'passed', title: 'says # SKIPPED when 3 - 2' });
});
