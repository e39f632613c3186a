import fc from 'fast-check';
import test from 'ava';
import { differenceOf, type ChangeItem } from './change.ts';
import { settleMoney } from './change_money.ts';
import type { MoneySource } from './refund.ts';

const item = (no: number, money: MoneySource[], new_fare_fen: number, fee_fen = 0): ChangeItem => ({
  item_id: `7-${no}`, item_no: no, version: 4, passenger_id: String(no), passenger_type: 'ADULT', hold_id: 'h', places: [], ticket_id: '', money, new_fare_fen, fee_fen, old_fare_fen: money.reduce((sum, { amount_fen }) => sum + amount_fen, 0),
});
const from = (payment_id: string, amount_fen: number) => ({ payment_id, amount_fen });

test('a ticket keeps its own money, and the difference pays the rest', (t) => {
  const { fares, back } = settleMoney({ payment_id: 'p2', items: [item(1, [from('p1', 100)], 150), item(2, [from('p1', 100)], 100)] });
  t.deepEqual([...fares], [['7-1', [from('p1', 100), from('p2', 50)]], ['7-2', [from('p1', 100)]]]);
  t.deepEqual(back, []);
});

test('what comes back comes from the ticket that became cheaper, and the fee stays', (t) => {
  const { fares, back } = settleMoney({ payment_id: '', items: [item(1, [from('p1', 40), from('p2', 60)], 50, 5)] });
  t.deepEqual([fares.get('7-1'), back], [[from('p1', 40), from('p2', 10)], [from('p2', 45)]]);
});

test('one that becomes cheaper helps to pay one that becomes dearer', (t) => {
  const { fares, back } = settleMoney({ payment_id: '', items: [item(1, [from('p1', 200)], 100, 10), item(2, [from('p1', 100)], 150)] });
  t.deepEqual([...fares.values(), back], [[from('p1', 100)], [from('p1', 100), from('p1', 50)], [from('p1', 40)]]);
});

test('whatever changes: fares, fees and what comes back are what was paid, payment by payment', (t) => {
  const items = fc.array(fc.record({ first: fc.nat(500), second: fc.nat(500), next: fc.nat(1000), fee: fc.nat(100) }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(items, (wanted) => {
      const all = wanted.map(({ first, second, next, fee }, index) => item(index + 1, [from('p1', first), from('p2', second)], next, Math.min(fee, first + second)));
      const difference_fen = differenceOf(all);
      const { fares, back } = settleMoney({ payment_id: 'p3', items: all });
      const used = [...fares.values(), back].flat();
      const usedOf = (id: string) => used.filter(({ payment_id }) => payment_id === id).reduce((sum, { amount_fen }) => sum + amount_fen, 0);
      const paid: Record<string, number> = { p1: wanted.reduce((sum, { first }) => sum + first, 0), p2: wanted.reduce((sum, { second }) => sum + second, 0), p3: Math.max(0, difference_fen) };
      const returned = back.reduce((sum, { amount_fen }) => sum + amount_fen, 0);
      return Object.entries(paid).every(([id, fen]) => usedOf(id) <= fen) && returned === Math.max(0, -difference_fen);
    }),
  );
  t.pass();
});
