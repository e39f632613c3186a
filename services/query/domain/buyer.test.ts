import test from 'ava';
import { leftTo, type Buyer, type QuotaCounts } from './buyer.ts';

const PAIR = 1;
const state = (quotas: QuotaCounts[] | undefined) => ({
  run_id: 'r', bucket: 1, epoch: 1, version: 1n, open: true, classes: new Map([['second' as const, [9, 2, 9]]]),
  ...(quotas === undefined ? {} : { quotas: new Map([['second' as const, quotas]]) }),
});
const left = (buyer: Partial<Buyer>, quotas?: QuotaCounts[]) => leftTo({ channel: 'web', passenger_type: 'adult', ...buyer }, state(quotas), 'second')(PAIR);

test('a quota is counted for whom it is made, and for nobody else', (t) => {
  const students: QuotaCounts = { passenger_type: 'student', counts: [9, 5, 9] };
  const app: QuotaCounts = { channel: 'app', counts: [9, 4, 9] };
  const app_students: QuotaCounts = { channel: 'app', passenger_type: 'student', counts: [9, 8, 9] };
  const quotas = [app_students, students, app];
  t.is(left({}), 2);
  t.is(left({}, quotas), 2);
  t.is(left({ passenger_type: 'student' }, quotas), 5);
  t.is(left({ channel: 'app' }, quotas), 4);
  t.is(left({ channel: 'app', passenger_type: 'child' }, quotas), 4);
  t.is(left({ channel: 'app', passenger_type: 'student' }, quotas), 8, 'the largest that fits, whatever stands first');
  t.is(left({ channel: 'counter' }, quotas), 2);
});

test('a quota never shows less than anybody can buy, and a class without counts has none', (t) => {
  t.is(left({}, [{ counts: [0, 0, 0] }]), 2);
  t.is(left({}, [{ counts: [0, 3, 0] }]), 3, 'a quota without conditions is everybody’s');
  t.is(leftTo({ channel: 'web', passenger_type: 'adult' }, state(undefined), 'first')(PAIR), 0);
});
