/** Payment, ticketing, aftersales and notification are killed at each of their step boundaries. */
import { crashTests } from './saga_crash.ts';

crashTests({
  payment: {
    buy: [
      'inside payments.create', 'after payments.create', 'after gateway.open', 'after payments.markPending',
      'before payments.applyReport', 'inside payments.applyReport', 'after payments.applyReport', 'inside payments.settle', 'after payments.settle',
    ],
    cancel: ['before gateway.close', 'after gateway.close', 'inside payments.applyReport', 'after payments.applyReport'],
    'pay twice': ['inside payments.settle 2', 'after payments.settle 2', 'before gateway.refund', 'after gateway.refund', 'inside refunds.succeed', 'after refunds.succeed'],
    'be refused by the railway': ['inside refunds.create', 'after refunds.create', 'after gateway.refund'],
    'pay after the end': ['inside payments.forceClose', 'after payments.forceClose', 'inside payments.applyReport', 'after payments.applyReport', 'after gateway.refund'],
    refund: ['inside refunds.create', 'after refunds.create', 'after gateway.refund', 'inside refunds.succeed'],
  },
  ticketing: {
    buy: [
      'before tickets.begin', 'inside tickets.begin', 'after tickets.begin', 'inside tickets.markAsked', 'after tickets.markAsked',
      'before railway.register', 'after railway.register', 'inside tickets.complete', 'after tickets.complete',
    ],
    'be refused by the railway': [
      'after tickets.markRefused', 'inside tickets.abort', 'after tickets.abort', 'before railway.void', 'after railway.void', 'after tickets.markVoided', 'inside tickets.finishAbort', 'after tickets.finishAbort',
    ],
    refund: ['inside tickets.voidTickets', 'after tickets.voidTickets', 'before railway.void', 'after railway.void', 'after tickets.markVoided'],
  },
  aftersales: {
    refund: [
      'inside refunds.create', 'after refunds.create', 'before orders.transition', 'after orders.transition', 'inside refunds.move', 'after refunds.move',
      'before tickets.void', 'after tickets.void', 'inside refunds.move 2', 'after refunds.move 2', 'before money.refund', 'after money.refund', 'before places.release', 'after places.release',
      'inside refunds.move 3', 'after refunds.move 3', 'before orders.transition 2', 'after orders.transition 2', 'inside refunds.move 4', 'after refunds.move 4',
    ],
  },
  notification: {
    buy: [
      'after told.announce', 'committed told.announce', 'before messaging.send', 'after messaging.send', 'after messaging.send 2', 'inside store.record 2', 'after store.record 2', 'after messaging.receipt',
    ],
  },
});
