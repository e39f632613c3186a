/** Aftersales, ticketing and payment are killed at each boundary of a change of train, which may come of a standby. */
import { crashTests } from './saga_crash.ts';

crashTests({
  aftersales: {
    change: [
      'inside changes.create', 'after changes.create', 'before travels.open', 'after travels.open', 'inside changes.move', 'after changes.move', 'before seats.hold', 'after seats.hold',
      'inside changes.move 2', 'after changes.move 2', 'before difference.open', 'after difference.open', 'inside changes.move 3', 'after changes.move 3', 'inside changes.move 4', 'after changes.move 4',
      'before difference.settle', 'after difference.settle', 'before seats.sell', 'after seats.sell', 'inside changes.move 5', 'after changes.move 5', 'before swaps.swap', 'after swaps.swap',
      'inside changes.move 6', 'after changes.move 6', 'before travels.replace', 'after travels.replace', 'inside changes.move 7', 'after changes.move 7', 'before seats.release', 'after seats.release',
      'inside changes.move 8', 'after changes.move 8',
    ],
    'give a change up': ['after changes.move 4', 'before difference.close', 'after difference.close', 'before seats.release', 'after seats.release', 'before travels.giveBack', 'after travels.giveBack', 'inside changes.move 5'],
    'be moved to a better train': ['inside waiters.lock', 'after waiters.lock', 'inside upgrades.begin', 'after upgrades.begin', 'after upgrades.awaitPay', 'inside waiters.end'],
  },
  ticketing: { change: ['inside tickets.begin 2', 'after railway.register 2', 'inside tickets.complete 2', 'after tickets.complete 2', 'before railway.void', 'after railway.void'] },
  payment: { change: ['inside payments.create 2', 'after gateway.open 2', 'after payments.markPending 2', 'inside payments.applyReport 2', 'after payments.applyReport 2', 'inside payments.settle 2'] },
});
