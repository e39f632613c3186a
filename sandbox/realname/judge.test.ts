import test from 'ava';
import { judge } from './judge.ts';

const NOW_MS = Date.UTC(2026, 0, 15);

test('a resident is verified by the check digit, others by the form of the number', (t) => {
  t.is(judge({ name: '李雷', id_type: 'RESIDENT', id_number: '11010519491231002X' }, NOW_MS), 'VERIFIED');
  t.is(judge({ name: '李雷', id_type: 'RESIDENT', id_number: '110105194912310021' }, NOW_MS), 'REJECTED');
  t.is(judge({ name: 'Ann Lee', id_type: 'PASSPORT', id_number: 'E12345678' }, NOW_MS), 'VERIFIED');
  t.is(judge({ name: 'Ann Lee', id_type: 'PASSPORT', id_number: '?' }, NOW_MS), 'REJECTED');
});

test('names on the list are rejected', (t) => {
  t.is(judge({ name: ' 测试拒绝 ', id_type: 'RESIDENT', id_number: '11010519491231002X' }, NOW_MS), 'REJECTED');
});
