import test from 'ava';
import { repeat } from './loop.ts';

/** A run that a test lets go step by step. */
function steps(): { run: (signal: AbortSignal) => Promise<void>; begun(): Promise<AbortSignal>; finish(error?: Error): void; count(): number } {
  let count = 0;
  let begin = Promise.withResolvers<AbortSignal>();
  let end = Promise.withResolvers<void>();
  return {
    run: (signal) => {
      count += 1;
      end = Promise.withResolvers<void>();
      begin.resolve(signal);
      return end.promise;
    },
    begun: async () => {
      const signal = await begin.promise;
      begin = Promise.withResolvers<AbortSignal>();
      return signal;
    },
    finish: (error) => (error === undefined ? end.resolve() : end.reject(error)),
    count: () => count,
  };
}

const FAR_MS = 3_600_000;

test('a nudge runs at once; many during a run make one more, and runs never overlap', async (t) => {
  const work = steps();
  const loop = repeat({ name: 'a', every_ms: FAR_MS, run: work.run });
  loop.nudge();
  await work.begun();
  loop.nudge();
  loop.nudge();
  t.is(work.count(), 1);
  work.finish();
  await work.begun();
  t.is(work.count(), 2);
  work.finish();
  await new Promise((resolve) => setImmediate(resolve));
  t.is(work.count(), 2);
  await loop.stop();
});

test('it repeats by itself', async (t) => {
  const work = steps();
  const loop = repeat({ name: 'b', every_ms: 1, run: work.run });
  for (let round = 0; round < 3; round += 1) {
    await work.begun();
    work.finish();
  }
  await loop.stop();
  t.true(work.count() >= 3);
});

test('stop aborts the run under way, waits for its end, and nothing runs afterwards', async (t) => {
  const work = steps();
  const loop = repeat({ name: 'c', every_ms: 1, run: work.run });
  const signal = await work.begun();
  let stopped = false;
  const stopping = loop.stop().finally(() => { stopped = true; });
  t.true(signal.aborted);
  await new Promise((resolve) => setImmediate(resolve));
  t.false(stopped);
  work.finish();
  await stopping;
  loop.nudge();
  await new Promise((resolve) => setImmediate(resolve));
  t.is(work.count(), 1);
});

test('a failing run is repeated later, and a nudge does not cut the pause short', async (t) => {
  const work = steps();
  const loop = repeat({ name: 'd', every_ms: FAR_MS, run: work.run });
  loop.nudge();
  await work.begun();
  work.finish(new Error('down'));
  await new Promise((resolve) => setImmediate(resolve));
  loop.nudge();
  await new Promise((resolve) => setImmediate(resolve));
  t.is(work.count(), 1);
  await loop.stop();
  const quick = steps();
  const recovering = repeat({ name: 'e', every_ms: 1, max_backoff_ms: 1, run: quick.run });
  await quick.begun();
  quick.finish(new Error('down'));
  await quick.begun();
  quick.finish();
  await quick.begun();
  quick.finish();
  await recovering.stop();
  t.true(quick.count() >= 3);
});

test('a full batch goes on at once; an outer signal ends the loop', async (t) => {
  const stop = new AbortController();
  let rounds = 0;
  const done = Promise.withResolvers<void>();
  const loop = repeat({ name: 'f', every_ms: FAR_MS, signal: stop.signal, run: async () => { rounds += 1; if (rounds < 5) return 'again'; done.resolve(); } });
  loop.nudge();
  await done.promise;
  stop.abort();
  await loop.stop();
  t.is(rounds, 5);
});

test('a run that takes too long has its signal aborted', async (t) => {
  const aborted = Promise.withResolvers<void>();
  // A deadline alone does not keep a process alive; a service has its server for that.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(alive));
  const loop = repeat({ name: 'g', every_ms: 1, run_timeout_ms: 5, run: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => { aborted.resolve(); resolve(); })) });
  await aborted.promise;
  await loop.stop();
  t.pass();
});
