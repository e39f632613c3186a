/** The state machine of an order (requirements: 订单状态机; DESIGN §5). State lives on the item. */
export type OrderState = 'WAIT_PAY' | 'CLOSING' | 'CLOSED' | 'PAID' | 'TICKETING' | 'SUCCESS' | 'FAIL' | 'REFUND' | 'CHANGE';
export type CloseReason = 'CANCELLED' | 'EXPIRED' | 'REFUNDED' | 'TICKETING_FAILED' | 'RUN_CANCELLED';

/** Everything that may follow on a state. What is not listed is refused. */
export const TRANSITIONS: Readonly<Record<OrderState, readonly OrderState[]>> = {
  WAIT_PAY: ['CLOSING', 'PAID'],
  // The gateway may answer a close with "has been paid": then the money counts.
  CLOSING: ['CLOSED', 'PAID'],
  PAID: ['TICKETING', 'FAIL'],
  TICKETING: ['SUCCESS', 'FAIL'],
  FAIL: ['CLOSED'],
  // A ticket that exists leaves only by way of aftersales, and comes back when that is given up.
  SUCCESS: ['REFUND', 'CHANGE'],
  REFUND: ['CLOSED', 'SUCCESS'],
  CHANGE: ['SUCCESS'],
  CLOSED: [],
};

/** The transitions that aftersales may ask for (TransitionItems). */
export const AFTERSALES_TRANSITIONS: Readonly<Partial<Record<OrderState, readonly OrderState[]>>> = {
  SUCCESS: ['REFUND', 'CHANGE'],
  REFUND: ['CLOSED', 'SUCCESS'],
  CHANGE: ['SUCCESS'],
};

export function mayFollow(from: OrderState, to: OrderState): boolean {
  return TRANSITIONS[from].includes(to);
}

export function mayAftersalesMove(from: OrderState, to: OrderState): boolean {
  return AFTERSALES_TRANSITIONS[from]?.includes(to) ?? false;
}

/**
 * The order's state from its items': the one that still needs the most attention. So an order is CLOSED only when every
 * item is, SUCCESS when some ticket is valid and nothing is under way, and REFUND or CHANGE while one is under way.
 */
export function deriveState(items: readonly { state: OrderState }[]): OrderState {
  const found = ATTENTION.find((state) => items.some((item) => item.state === state));
  if (found === undefined) throw new Error('an order has items');
  return found;
}

/** From most to least in need of attention. Only states from SUCCESS on mix: before it, items move together. */
const ATTENTION: readonly OrderState[] = ['FAIL', 'TICKETING', 'PAID', 'CLOSING', 'WAIT_PAY', 'CHANGE', 'REFUND', 'SUCCESS', 'CLOSED'];
