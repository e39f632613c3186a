import { Code, ConnectError } from '@connectrpc/connect';
import test from 'ava';
import { watch } from './watch.ts';

const pause = (): Promise<void> => Promise.resolve();
const isFinal = (value: number): boolean => value === 0;

test('[web] a stream that breaks is carried on by asking, and a new one is tried after a while', async (t) => {
  let opened = 0;
  let polled = 10;
  const seen = [];
  const live: boolean[] = [];
  const parts = {
    async *open() {
      opened += 1;
      if (opened === 1) {
        yield 20;
        throw new ConnectError('reset', Code.Unavailable);
      }
      yield 1;
      yield 0;
    },
    poll: async () => (polled -= 1),
    isFinal, pause, onLive: (now: boolean) => live.push(now), signal: new AbortController().signal,
  };
  for await (const value of watch(parts)) seen.push(value);
  t.deepEqual(seen, [20, 9, 8, 7, 6, 5, 1, 0]);
  t.is(opened, 2);
  t.deepEqual(live.filter((now, index) => now !== live[index - 1]), [true, false, true, false]);
});

test('[web] asking that fails for now goes on, later each time and not before the server wants it', async (t) => {
  const waits: number[] = [];
  let asked = 0;
  const parts = {
    open: () => brokenStream(new ConnectError('down', Code.Unavailable)),
    poll: async () => {
      asked += 1;
      if (asked < 4) throw new ConnectError('down', Code.Unavailable, asked === 3 ? { 'retry-after': '60' } : {});
      return 0;
    },
    isFinal, pause: async (ms: number) => void waits.push(ms), signal: new AbortController().signal,
  };
  for await (const value of watch(parts)) t.is(value, 0);
  t.deepEqual(waits, [4_000, 8_000, 60_000]);
});

test('[web] what asking again will not cure is thrown', async (t) => {
  const parts = {
    open: () => brokenStream(new ConnectError('gone', Code.NotFound)),
    poll: async () => 0, isFinal, pause, signal: new AbortController().signal,
  };
  await t.throwsAsync(async () => {
    for await (const value of watch(parts)) t.fail(`got ${value}`);
  }, { message: /gone/ });
});

test('[web] a page that is left stops asking', async (t) => {
  const abort = new AbortController();
  let asked = 0;
  const parts = { async *open(): AsyncGenerator<number> {}, poll: async () => (asked += 1), isFinal, pause, signal: abort.signal };
  for await (const value of watch(parts)) if (value === 3) abort.abort();
  t.is(asked, 3);
});

async function* brokenStream(error: ConnectError): AsyncGenerator<number> {
  await Promise.reject(error);
  yield 0;
}
