import test from 'ava';
import { isUuid7 } from '#kit/base/uuid7.ts';
import { Intent } from './intent.ts';

test('[web] the same wish keeps its request id until its outcome is known', (t) => {
  const intent = new Intent();
  const first = intent.idFor('two seats');
  t.true(isUuid7(first));
  t.is(intent.idFor('two seats'), first);
  intent.settle();
  t.not(intent.idFor('two seats'), first, 'buying the same again is another purchase');
});

test('[web] another body is another wish', (t) => {
  const intent = new Intent();
  t.not(intent.idFor('two seats'), intent.idFor('three seats'));
});
