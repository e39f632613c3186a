import test from 'ava';
import { ChangeStage } from '#gen/rail/aftersales/v1/change_pb.ts';
import { givenUpKey, isSettled, stageKey, stepOfStage } from './progress.ts';

test('[web] change: every stage has its step and its word', (t) => {
  const { LOCKED, AWAIT_PAY, PIVOTED, DONE, CANCELLED } = ChangeStage;
  t.deepEqual([LOCKED, AWAIT_PAY, PIVOTED, DONE, CANCELLED].map(stepOfStage), ['pay', 'pay', 'done', 'done', undefined]);
  t.deepEqual([LOCKED, AWAIT_PAY, PIVOTED, DONE, CANCELLED].map(stageKey), ['locked', 'await_pay', 'pivoted', 'done', 'cancelled']);
  t.is(stageKey(99 as ChangeStage), 'locked', 'a stage newer than this page');
});

test('[web] change: it is followed until it is done or given up', (t) => {
  const open = [ChangeStage.LOCKED, ChangeStage.AWAIT_PAY, ChangeStage.PIVOTED];
  t.false(open.some((stage) => isSettled({ stage })));
  t.true([ChangeStage.DONE, ChangeStage.CANCELLED].every((stage) => isSettled({ stage })));
});

test('[web] change: why it was given up is told in words, whatever the reason', (t) => {
  t.is(givenUpKey('CANCELLED'), 'cancelled');
  t.is(givenUpKey('EXPIRED'), 'expired');
  t.is(givenUpKey('SOLD_OUT'), 'places');
  t.is(givenUpKey('TICKET_NOT_VALID'), 'used');
  t.is(givenUpKey('SOMETHING_NEW'), 'unknown');
});
