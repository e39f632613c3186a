import test from 'ava';
import { payUrlOnceOpen } from './open_url.ts';

test('[web] a payment that the gateway has not opened yet is asked for again, and not for ever', async (t) => {
  const answers = (...urls: string[]) => {
    let asked = 0;
    return { ask: async () => urls[asked++] ?? '', asked: () => asked };
  };
  const now = async (): Promise<void> => {};
  const open = answers();
  t.is(await payUrlOnceOpen('/c', open.ask, now), '/c');
  t.is(open.asked(), 0);
  const slow = answers('', '', '/c');
  t.is(await payUrlOnceOpen('', slow.ask, now), '/c');
  t.is(slow.asked(), 3);
  const never = answers();
  t.is(await payUrlOnceOpen('', never.ask, now), '');
  t.is(never.asked(), 8);
});
