import type { Clock } from '#kit/base/clock.ts';
import { fail, fieldInvalid, ok, type Result } from '#kit/base/result.ts';
import type { Actor, Gateway, Orders, Payment, PaymentStore } from './ports.ts';
import { openAtGateway } from './drive_payment.ts';

export type CreatePaymentDeps = { store: PaymentStore; orders: Pick<Orders, 'payable'>; gateway: Gateway; clock: Clock; channels: () => readonly string[] };

export type CreatePayment = { order_id: string; payment_channel: string; return_path: string };

/** A path of our own site and nothing else: the cashier must not be made to send people elsewhere. */
const RETURN_PATH = /^\/[\w\-./?=&%]{0,200}$/;

/** The first channel whose circuit is not open; the very first when none is any better. */
function preferred(gateway: Gateway, channels: readonly string[]): string {
  return channels.find((channel) => gateway.available(channel)) ?? channels[0]!;
}

/** The difference of a change of train: who changes it says how much, and until when. */
export type CreateDifference = { order_id: string; change_id: string; amount_fen: number; expire_time_ms: number; return_path: string };

/**
 * Opens the payment of a change's difference, at the first channel that answers. One whose time is over is made all the same,
 * and never opened at the gateway: it keeps a request that comes late from making one that could be paid.
 */
export async function createDifference(deps: Omit<CreatePaymentDeps, 'orders'> & { orders: Pick<Orders, 'owner'> }, wanted: CreateDifference, actor: Actor): Promise<Result<Payment>> {
  const { order_id, return_path, ...difference } = wanted;
  if (!RETURN_PATH.test(return_path) || return_path.startsWith('//')) return fieldInvalid('return_path', 'must be a path of this site');
  const owner = await deps.orders.owner(order_id);
  if (!owner.ok) return owner;
  const created = await deps.store.create({ ...difference, order_id: BigInt(order_id), account_id: owner.value, kind: 'CHANGE_DIFFERENCE', payment_channel: preferred(deps.gateway, deps.channels()), return_path }, actor);
  if (!created.ok || created.value.state !== 'CREATED' || created.value.expire_time_ms <= deps.clock.now_ms()) return created;
  return ok(await openAtGateway(deps, created.value));
}

/**
 * Opens a payment for an unpaid order. The row comes first, then the gateway: a crash in between leaves a CREATED row that
 * the sweeper opens. A channel that the traveller names is taken; else the first one that answers at the moment. When the gateway does not answer now, the payment is returned CREATED and without a place to pay.
 */
export async function createPayment(deps: CreatePaymentDeps, wanted: CreatePayment, actor: Actor): Promise<Result<Payment>> {
  const channels = deps.channels();
  const payment_channel = wanted.payment_channel === '' ? preferred(deps.gateway, channels) : wanted.payment_channel;
  if (!channels.includes(payment_channel)) return fieldInvalid('payment_channel', `must be one of ${channels.join(', ')}`);
  const return_path = wanted.return_path === '' ? `/orders/${wanted.order_id}` : wanted.return_path;
  if (!RETURN_PATH.test(return_path) || return_path.startsWith('//')) return fieldInvalid('return_path', 'must be a path of this site');

  const order = await deps.orders.payable(wanted.order_id);
  if (!order.ok) return order;
  const { order_id, account_id, amount_fen, payable_until_ms } = order.value;
  if (payable_until_ms <= deps.clock.now_ms()) return fail('ORDER_NOT_PAYABLE');
  const created = await deps.store.create({ order_id, account_id, kind: 'PURCHASE', amount_fen, payment_channel, change_id: '', return_path, expire_time_ms: payable_until_ms }, actor);
  if (!created.ok || created.value.state !== 'CREATED') return created;
  const opened = await openAtGateway(deps, created.value);
  return ok(opened);
}
