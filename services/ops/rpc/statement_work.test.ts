import test from 'ava';
import { CloseReason, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PaymentKind, PaymentState } from '#gen/rail/payment/v1/payment_pb.ts';
import { TicketState } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { reconcileStatement } from './statement_work.ts';

const DATE = '2026-01-15';
const NOON_MS = Date.parse(`${DATE}T12:00:00+08:00`);
const fen = (amount: number) => ({ amountFen: BigInt(amount), currency: 'CNY' });
const signal = new AbortController().signal;

type Fake = { state: OrderState; tickets: number; payments: { paymentId: string; settled: boolean }[]; paymentId?: string; made_ms?: number };

/** Services that know these orders, each of 5000 fen, and what the job asked of payment. */
function peersWith(fakes: Record<string, Fake>) {
  const refused: string[] = [];
  const moneyOf = (order_id: string) => ({
    payments: fakes[order_id]!.payments.map(({ paymentId, settled }) => ({ paymentId, settled, state: PaymentState.SUCCEEDED, kind: PaymentKind.PURCHASE, amount: fen(5000), payTime: timestampFromMs(NOON_MS) })),
    refunds: [],
  });
  const orderOf = (order_id: string) => {
    const { state, payments, paymentId = payments[0]?.paymentId ?? '', made_ms = NOON_MS } = fakes[order_id]!;
    return { orderId: order_id, state, paymentId, createTime: timestampFromMs(made_ms), items: [{ state, fare: fen(5000), refunded: fen(0), closeReason: CloseReason.TICKETING_FAILED }] };
  };
  const ids = Object.keys(fakes);
  const peers = {
    payment: {
      reconcileStatement: async () => ({ payments: 1, refunds: 0, differencesOmitted: 0, differences: [{ kind: 'STATE', paymentId: '1', refundId: '', orderId: '', repaired: true, explanation: 'en', explanationZh: 'zh' }] }),
      async listPaidOrders({ pageToken }: { pageToken?: string }) {
        const paid = ids.filter((order_id) => fakes[order_id]!.payments.length > 0);
        const at = Number(pageToken === '' ? 0 : pageToken);
        return { orders: paid.slice(at, at + 1).map((orderId) => ({ orderId, ...moneyOf(orderId) })), nextPageToken: at + 1 < paid.length ? String(at + 1) : '' };
      },
      listPayments: async ({ orderId }: { orderId: string }) => moneyOf(orderId),
      settlePayment: async ({ paymentId, accepted }: { paymentId: string; accepted: boolean }) => (accepted ? undefined : refused.push(paymentId), {}),
    },
    order: {
      getOrder: async ({ orderId }: { orderId: string }) => ({ order: orderOf(orderId) }),
      searchOrders: async () => ({ orders: ids.map(orderOf), nextPageToken: '' }),
    },
    ticketing: { listTickets: async ({ orderId }: { orderId: string }) => ({ tickets: Array.from({ length: fakes[orderId]!.tickets }, () => ({ state: TicketState.VALID })) }) },
  };
  return { peers: peers as unknown as Parameters<typeof reconcileStatement>[0], refused };
}

async function run(fakes: Record<string, Fake>) {
  const { peers, refused } = peersWith(fakes);
  const percents: number[] = [];
  const report = (await reconcileStatement(peers)({ date: DATE }, async (percent) => void percents.push(percent), signal)) as { kinds: object; orders: number; differences: { kind: string; text_zh: string; text_en: string }[] };
  return { report, refused, percents };
}

const GOOD: Fake = { state: OrderState.SUCCESS, tickets: 1, payments: [{ paymentId: '7', settled: true }] };

test('the job compares statement, payments, orders and tickets, and reports each kind with its count', async (t) => {
  const { report, refused, percents } = await run({
    a: GOOD,
    b: { ...GOOD, tickets: 0 },
    c: { ...GOOD, payments: [] },
    d: { ...GOOD, payments: [{ paymentId: '7', settled: true }, { paymentId: '8', settled: false }] },
    e: { ...GOOD, state: OrderState.CLOSED, tickets: 0 },
    f: { ...GOOD, payments: [], made_ms: NOON_MS - 86_400_000 },
  });
  t.deepEqual(report.kinds, {
    STATE: { found: 1, repaired: 1 },
    NOT_TICKETED: { found: 1, repaired: 0 },
    NOT_WANTED: { found: 1, repaired: 1 },
    REFUND_MISSING: { found: 1, repaired: 0 },
    TICKETED_NOT_PAID: { found: 1, repaired: 0 },
  });
  t.deepEqual(refused, ['8'], 'money that its order can not want is refused, and nothing else touched');
  t.is(report.orders, 4);
  t.true(report.differences.filter(({ kind }) => kind !== 'STATE').every(({ text_zh, text_en }) => /[一-鿿]/.test(text_zh) && /[a-z]/.test(text_en)));
  t.true(percents.length > 0);
});

test('a day on which all agrees says so', async (t) => {
  const { report, refused } = await run({ a: GOOD, b: { ...GOOD, payments: [{ paymentId: '9', settled: true }] } });
  t.deepEqual([report.kinds, report.orders, refused], [{ STATE: { found: 1, repaired: 1 } }, 2, []]);
});
