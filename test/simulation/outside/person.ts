/** What every person with an account does: asks services in its own name, and asks again while nobody could answer. */
import { errorSpec } from '#kit/base/errors.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import type { Result } from '#kit/base/result.ts';
import type { AccountFacts, Actor } from '../../../services/order/app/actor.ts';
import { getOrder } from '../../../services/order/app/read_orders.ts';
import type { Order } from '../../../services/order/domain/order.ts';
import type { OrderNode } from '../nodes/order_node.ts';
import type { AftersalesNode } from '../nodes/aftersales_node.ts';
import type { World } from '../world.ts';

export const CALL_MS = 10_000;
export const TRIES_MAX = 12;
export const POLLS_MAX = 400;

export class Person {
  readonly world: World;
  readonly index: number;
  readonly actor: Actor & { account: AccountFacts };

  constructor(world: World, index: number) {
    this.world = world;
    this.index = index;
    const account = { account_id: String(1000 + index), tenant: 'rail', channel: 'web', device_id: 'd', session_id: 's', roles: [], member_level: world.scheduler.chance(0.2) ? 4 : 0 };
    this.actor = { account, service: '', ip: '', user_agent: '', deadline_ms: Infinity };
  }

  order<T>(label: string, handle: (ports: OrderNode['ports']) => Promise<Result<T>>): Promise<Result<T>> {
    return this.world.rpc(undefined, 'order', label, CALL_MS, ({ ports }) => handle(ports));
  }

  aftersales<T>(label: string, handle: (node: AftersalesNode) => Promise<Result<T>>): Promise<Result<T>> {
    return this.world.rpc(undefined, 'aftersales', label, CALL_MS, handle);
  }

  /** How aftersales writes down who asked. */
  get audited() {
    return { account_id: this.actor.account.account_id, service: 'aftersales', device_id: '', ip: '' };
  }

  /** The same request again while nobody could answer it. */
  async insist<T>(ask: () => Promise<Result<T>>): Promise<Result<T> | undefined> {
    const { scheduler } = this.world;
    for (let tried = 0; tried < TRIES_MAX; tried += 1) {
      const answer = await ask();
      if (answer.ok || !AGAIN.has(errorSpec(answer.error.reason).code)) return answer;
      await scheduler.sleep(500 + scheduler.random.unit() * 3000 * (tried + 1));
    }
    return undefined;
  }

  /** The order once nothing is under way any more, as far as somebody waits for it. */
  async settled(order_id: string): Promise<Order | undefined> {
    const { scheduler } = this.world;
    for (let poll = 0; poll < POLLS_MAX; poll += 1) {
      const order = await this.order('get', (ports) => getOrder(ports, order_id, this.actor));
      if (order.ok && (order.value.state === 'SUCCESS' || order.value.state === 'CLOSED')) return order.value;
      await scheduler.sleep(1000 + poll * 500);
    }
    return undefined;
  }

  /** The order as the account may see it, in the words of whoever asks. */
  async view<T>(order_id: string, read: (order: Order) => T): Promise<Result<T>> {
    const found = await this.order('get', (ports) => getOrder(ports, order_id, this.actor));
    return found.ok ? { ok: true, value: read(found.value) } : found;
  }

  /** Where the opening was not heard of yet, the page is loaded again after a while. */
  async payAtGateway(payment_id: string): Promise<void> {
    const { scheduler, gateway } = this.world;
    for (let tried = 0; tried < TRIES_MAX && !gateway.trades.has(payment_id); tried += 1) await scheduler.sleep(2000);
    gateway.pay(payment_id);
  }

  id(): string {
    const { scheduler } = this.world;
    return uuid7({ now_ms: () => Math.floor(scheduler.now_ms()), monotonic_ms: () => scheduler.now_ms() }, scheduler.random);
  }
}

const AGAIN: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED', 'INTERNAL', 'CANCELLED']);
