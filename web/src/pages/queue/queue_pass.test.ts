import test from 'ava';
import { memoryStorage } from '../../../../test/support/memory_storage.ts';
import { webRefreshTokenStore } from '../../api/refresh_token_store.ts';
import { dropEveryQueuePass, dropQueuePass, readQueuePass, saveQueuePass } from './queue_pass.ts';
import type { QueuePass } from './queue_pass.ts';

const pass = (token: string, submit_ms: number): QueuePass => ({ token, submit_ms, first_ahead: 7, back: '/book/G1.20270101', journey: undefined });

test('[web] the place in the queue is found again in another tab after the page was closed', (t) => {
  const { one, other } = tabs();
  saveQueuePass(one, pass('a', 1));
  t.is(readQueuePass(other)?.token, 'a');
  dropQueuePass(other, pass('a', 1));
  t.is(readQueuePass(other), undefined);
});

test('[web] two tabs in two queues keep their own passes, and the newer is the one remembered', (t) => {
  const { one, other, third } = tabs();
  saveQueuePass(one, pass('a', 1));
  saveQueuePass(other, pass('b', 2));
  saveQueuePass(one, pass('a renewed', 1));
  t.deepEqual([one, other, third].map((stores) => readQueuePass(stores)?.token), ['a renewed', 'b', 'b']);
  dropQueuePass(one, pass('a renewed', 1));
  t.deepEqual([other, third].map((stores) => readQueuePass(stores)?.token), ['b', 'b']);
});

test('[web] a shared computer and a sign-out leave nothing to other tabs', (t) => {
  const { one, other } = tabs();
  webRefreshTokenStore(one.browser, one.tab).begin('refresh', { token: 'access', expire_ms: 1 }, true);
  saveQueuePass(one, pass('a', 1));
  t.is(readQueuePass(other), undefined);
  saveQueuePass(other, pass('b', 2));
  dropEveryQueuePass(other);
  t.is(readQueuePass(other), undefined);
});

test('[web] what cannot be read is forgotten', (t) => {
  const { one } = tabs();
  one.tab.setItem('chunyun.queue', '{');
  t.is(readQueuePass(one), undefined);
  t.is(one.tab.length, 0);
});

function tabs() {
  const browser = memoryStorage();
  const tab = () => ({ tab: memoryStorage(), browser });
  return { one: tab(), other: tab(), third: tab() };
}
