import fc from 'fast-check';
import test from 'ava';
import { judgeReport, type Payment, type TradeReport } from './payment.ts';

const payment: Payment = {
  payment_id: 1n, order_id: 2n, account_id: 3n, kind: 'PURCHASE', state: 'PENDING', amount_fen: 5000, refunded_fen: 0, payment_channel: 'alipay', pay_url: 'x', gateway_trade_no: 'g',
  version: 3n, settled: undefined, change_id: '', return_path: '/', create_time_ms: 0, expire_time_ms: 1, pay_time_ms: undefined,
};
const report = (more: Partial<TradeReport>): TradeReport => ({ trade_id: '1', gateway_trade_no: 'g', state: 'PAID', version: 4, amount_fen: 5000, currency: 'CNY', ...more });

test('an amount or currency that differs is never believed', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.constantFrom('PAID', 'CLOSED', 'OPEN'), fc.constantFrom('CNY', 'USD'), (amount_fen, state, currency) => {
      const judged = judgeReport(payment, report({ amount_fen, state: state as TradeReport['state'], currency }));
      return judged.ok === (amount_fen === 5000 && currency === 'CNY');
    }),
  );
  t.pass();
});

test('money counts whatever its version, a closing only when it is newer', (t) => {
  t.deepEqual(judgeReport(payment, report({ version: 1 })), { ok: true, value: 'pay' });
  t.deepEqual(judgeReport({ ...payment, state: 'CLOSED', version: 9n }, report({ version: 1 })), { ok: true, value: 'pay' });
  t.deepEqual(judgeReport(payment, report({ state: 'CLOSED', version: 3 })), { ok: true, value: 'nothing' });
  t.deepEqual(judgeReport(payment, report({ state: 'CLOSED', version: 4 })), { ok: true, value: 'close' });
});

test('nothing changes a payment that succeeded', (t) => {
  for (const state of ['OPEN', 'PAID', 'CLOSED'] as const) {
    t.deepEqual(judgeReport({ ...payment, state: 'SUCCEEDED' }, report({ state, version: 99 })), { ok: true, value: 'nothing' });
  }
});
