/** Our own ORDER events, as the news that an order must be indexed again. What is indexed is the order as the database has it. */
import { startConsumer, type ConsumerOptions, type RunningConsumer } from '#kit/bus/consumer.ts';
import type { OrderIndex, OrderStore } from '../app/ports.ts';

export type OrderIndexOptions = Pick<ConsumerOptions, 'nats' | 'db' | 'log' | 'service'> & { orders: Pick<OrderStore, 'find'>; index: OrderIndex; /** Whether an index serves; makes an empty one where none does. Throws while the server is away. */ prepare: () => Promise<void> };

/** While the index is away the consumer waits and uses up no try; what came meanwhile is indexed when it is back. */
export function startOrderIndexEvents({ nats, db, log, service, orders, index, prepare }: OrderIndexOptions): Promise<RunningConsumer> {
  return startConsumer({
    nats, db, log, service, stream: 'ORDER', durable: 'order-search', 
    // A server that came back without its data, or that was away when we started, has no index yet.
    storesReady: async () => (await index.ready()) && prepare().then(() => true),
    async handle({ key }) {
      // Events of queue entries are about no order.
      const order = /^\d{1,19}$/.test(key) ? await orders.find(key) : undefined;
      if (order !== undefined) await index.put([order]);
    },
  });
}
