/** One thing that happened to an order, wherever it happened. */
export type Happening = { time_ms: number; service: string; what: string; text_zh: string; text_en: string; trace_id: string };

const WHAT_NEXT: Record<string, { zh: string; en: string }> = {
  WAIT_PAY: { zh: '等待支付；超时将自动关闭并释放席位', en: 'Waiting for payment; closes by itself when the time is over and gives the seats back' },
  CLOSING: { zh: '正在向支付网关确认关闭', en: 'Closing: the payment gateway is being asked' },
  PAID: { zh: '已支付，正在确认席位', en: 'Paid; the seats are being confirmed' },
  TICKETING: { zh: '正在出票；失败将重试，最终失败自动退款', en: 'Being ticketed; tried again on failure, refunded when it fails for good' },
  FAIL: { zh: '出票失败，正在退款', en: 'Ticketing failed; the money is on its way back' },
  REFUND: { zh: '正在退票退款', en: 'Being refunded' },
  CHANGE: { zh: '正在改签', en: 'Being changed' },
};

/** What is expected next for a state; empty when the state is final. */
export function expectedNext(state: string): { zh: string; en: string } {
  return WHAT_NEXT[state] ?? { zh: '', en: '' };
}

export function inOrder(happenings: readonly Happening[]): Happening[] {
  return happenings.toSorted((a, b) => a.time_ms - b.time_ms);
}
