/** Order is killed at each step boundary of each way that a purchase can go. */
import { crashTests } from './saga_crash.ts';

crashTests({
  order: {
    buy: [
      'before entries.submit', 'inside entries.submit', 'after entries.submit', 'after queue.enter',
      'before entries.start', 'inside entries.start', 'after entries.start', 'before inventory.holdMany', 'after inventory.holdMany',
      'before entries.place', 'inside entries.place', 'after entries.place', 'before inventory.attach', 'after inventory.attach', 'after orders.note',
      'after told.applyAll', 'committed told.applyAll', 'before money.settle', 'after money.settle', 'before inventory.sell', 'after inventory.sell',
      'inside orders.apply', 'after orders.apply', 'before ticketing.issue', 'after ticketing.issue', 'inside orders.apply 2', 'after orders.apply 2',
    ],
    cancel: ['inside orders.applyOnce', 'after orders.applyOnce', 'before money.close', 'after money.close', 'inside orders.apply', 'after orders.apply', 'before inventory.release', 'after inventory.release'],
    'not pay': ['inside orders.apply', 'after orders.apply', 'after money.close', 'inside orders.apply 2'],
    'pay twice': ['after told.addLatePayment', 'committed told.addLatePayment', 'before money.settle 2', 'after money.settle 2', 'before orders.latePaymentDone', 'after orders.latePaymentDone'],
    'be refused by the railway': [
      'inside orders.apply 2', 'after orders.apply 2', 'before money.refund', 'after money.refund', 'inside orders.apply 3', 'after orders.apply 3', 'after inventory.release',
      'after money.refundState', 'inside orders.apply 4', 'after orders.apply 4',
    ],
    'pay after the end': ['after money.close', 'inside orders.apply', 'after orders.apply'],
    'lose the places': ['after inventory.sell', 'before inventory.holdMany 2', 'after inventory.holdMany 2', 'inside orders.apply', 'after orders.apply'],
    'find no seat': ['before inventory.holdMany', 'after inventory.holdMany', 'inside entries.failMany', 'after entries.failMany'],
    'wait instead': ['inside entries.toStandby', 'after entries.toStandby', 'before standbys.create', 'after standbys.create', 'inside entries.endStandby', 'after entries.endStandby'],
    refund: ['inside orders.applyOnce', 'after orders.applyOnce', 'inside orders.applyOnce 2', 'after orders.applyOnce 2'],
  },
});
