import test from 'ava';
import { ManualClock } from '#kit/base/clock.ts';
import { Admission } from './admission.ts';

/** Lets in what is let in, and one end each `every_ms` while others come. */
function serve(admission: Admission, clock: ManualClock, ends: number, every_ms: number): void {
  for (let count = 0; count < ends; count += 1) {
    clock.advance(every_ms);
    admission.leave();
  }
}

function enterAll(admission: Admission, count: number): number {
  return Array.from({ length: count }, () => admission.enter()).filter(Boolean).length;
}

test('a burst on an idle service is let in', (t) => {
  t.is(enterAll(new Admission(new ManualClock()), 500), 500);
});

test('at ten a second no more are let in than two seconds serve, and a few always', (t) => {
  const clock = new ManualClock();
  const admission = new Admission(clock);
  enterAll(admission, 80);
  serve(admission, clock, 64, 100);
  t.is(enterAll(admission, 100), 5);
  serve(admission, clock, 1, 100);
  t.is(enterAll(admission, 100), 1);
});

test('a quick service lets many in at once', (t) => {
  const clock = new ManualClock();
  const admission = new Admission(clock);
  enterAll(admission, 80);
  serve(admission, clock, 64, 2);
  t.is(enterAll(admission, 500), 500);
});

test('what was slow before everybody had left is forgotten', (t) => {
  const clock = new ManualClock();
  const admission = new Admission(clock);
  enterAll(admission, 80);
  serve(admission, clock, 80, 1000);
  clock.advance(3_600_000);
  t.is(enterAll(admission, 500), 500);
});
