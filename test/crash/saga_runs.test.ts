/** Aftersales is killed at each step of the refund of a cancelled run; the steps of a refund itself: saga_others.test.ts. */
import { crashTests } from './saga_crash.ts';

crashTests({
  aftersales: {
    'lose their train': [
      'before runs.onRun', 'inside jobs.notePage', 'after jobs.notePage', 'inside jobs.notePage 2', 'after jobs.countOrder', 'inside refunds.create', 'after refunds.create',
      'after orders.transition', 'before notices.runRefunded', 'after notices.runRefunded', 'after jobs.markTold', 'after jobs.endOrder',
    ],
  },
});
