import test from 'ava';
import fc from 'fast-check';
import { moveAll, moveItems, patchItems } from './change.ts';
import { NOW_MS, sampleOrder } from './samples.ts';
import { AFTERSALES_TRANSITIONS, deriveState, mayFollow, TRANSITIONS, type OrderState } from './state.ts';

const STATES = Object.keys(TRANSITIONS) as OrderState[];
const state = fc.constantFrom(...STATES);
const moving = { cause: 'test', now_ms: NOW_MS };

test('an order is what its neediest item is', (t) => {
  t.is(deriveState([{ state: 'SUCCESS' }, { state: 'CLOSED' }]), 'SUCCESS');
  t.is(deriveState([{ state: 'SUCCESS' }, { state: 'REFUND' }]), 'REFUND');
  t.is(deriveState([{ state: 'REFUND' }, { state: 'CHANGE' }]), 'CHANGE');
  t.is(deriveState([{ state: 'CLOSED' }, { state: 'REFUND' }]), 'REFUND');
  t.is(deriveState([{ state: 'CLOSED' }, { state: 'CLOSED' }]), 'CLOSED');
  t.throws(() => deriveState([]));
});

test('the derivation does not depend on the order of items, and is one of their states', (t) => {
  fc.assert(fc.property(fc.array(state, { minLength: 1, maxLength: 5 }), fc.nat(), (states, turn) => {
    const items = states.map((word) => ({ state: word }));
    const turned = [...items.slice(turn % items.length), ...items.slice(0, turn % items.length)];
    t.is(deriveState(items), deriveState(turned));
    t.true(states.includes(deriveState(items)));
    t.is(deriveState(items) === 'CLOSED', states.every((word) => word === 'CLOSED'));
  }));
});

test('whatever is tried, states only follow the table, versions only grow, and what ended stays ended', (t) => {
  fc.assert(fc.property(fc.array(fc.tuple(state, fc.integer({ min: 1, max: 3 })), { maxLength: 40 }), (attempts) => {
    let order = sampleOrder('WAIT_PAY', 'WAIT_PAY', 'WAIT_PAY');
    for (const [to, item_no] of attempts) {
      const before = order.items[item_no - 1]!;
      const change = moveItems(order, [{ item_no, to }], moving);
      t.is(change.ok, mayFollow(before.state, to));
      if (!change.ok) continue;
      t.true(before.state !== 'CLOSED');
      t.is(change.value.after.version, order.version + 1);
      t.is(change.value.after.items[item_no - 1]?.version, before.version + 1);
      t.is(change.value.after.state, deriveState(change.value.after.items));
      order = change.value.after;
    }
  }));
});

test('before a ticket exists nothing comes back to where it was', (t) => {
  const early: OrderState[] = ['WAIT_PAY', 'CLOSING', 'PAID', 'TICKETING', 'FAIL'];
  const reachable = (from: OrderState, seen: Set<OrderState>): Set<OrderState> => {
    for (const next of TRANSITIONS[from]) if (!seen.has(next)) reachable(next, seen.add(next));
    return seen;
  };
  for (const from of early) t.false(reachable(from, new Set()).has(from), from);
  for (const from of STATES) t.is(from === 'CLOSED' || reachable(from, new Set()).has('CLOSED'), true, `${from} can end`);
});

test('aftersales may ask only for moves of the table', (t) => {
  for (const [from, tos] of Object.entries(AFTERSALES_TRANSITIONS)) for (const to of tos) t.true(mayFollow(from as OrderState, to));
});

test('a change is all or nothing', (t) => {
  const order = sampleOrder('SUCCESS', 'REFUND');
  t.false(moveAll(order, 'REFUND', moving).ok);
  t.false(moveItems(order, [{ item_no: 9, to: 'REFUND' }], moving).ok);
  t.false(moveItems(order, [], moving).ok);
});

test('events tell what happened to the order', (t) => {
  const event = (from: OrderState, to: OrderState) => {
    const change = moveAll(sampleOrder(from, from), to, moving);
    return change.ok ? change.value.event : 'none';
  };
  t.deepEqual([event('WAIT_PAY', 'PAID'), event('TICKETING', 'SUCCESS'), event('TICKETING', 'FAIL'), event('FAIL', 'CLOSED'), event('SUCCESS', 'REFUND')], ['PAID', 'TICKETED', 'FAILED', 'CLOSED', 'ITEMS_CHANGED']);
  const part = moveItems(sampleOrder('REFUND', 'SUCCESS'), [{ item_no: 1, to: 'CLOSED' }], moving);
  t.is(part.ok && part.value.event, 'ITEMS_CHANGED');
  t.is(patchItems(sampleOrder('CLOSED'), () => ({ refunded_fen: 5 }), moving).event, 'ITEMS_CHANGED');
});

test('effects are owed until they are dropped, and tries start anew with each change', (t) => {
  const paid = moveAll({ ...sampleOrder('WAIT_PAY'), todo: ['attach'], attempts: 4 }, 'PAID', { ...moving, owe: ['settle'] });
  t.deepEqual(paid.ok && [paid.value.after.todo, paid.value.after.attempts], [['attach', 'settle'], 0]);
  const sold = moveAll(paid.ok ? paid.value.after : sampleOrder('PAID'), 'TICKETING', { ...moving, drop: ['attach', 'settle'] });
  t.deepEqual(sold.ok && sold.value.after.todo, []);
});
