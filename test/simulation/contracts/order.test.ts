// The same suite over MariaDB with Redis and over what the simulation has in their place.
import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '#kit/base/clock.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { acquireLease, releaseLease } from '#kit/store/lease.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { openRedis } from '#kit/store/redis.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { createEntryStore } from '../../../services/order/store/entry_store.ts';
import { migrations } from '../../../services/order/store/migrations.ts';
import { openHeldOrders } from '../../../services/order/store/held_orders.ts';
import { createOrderStore } from '../../../services/order/store/order_store.ts';
import { createRedisQueue } from '../../../services/order/store/redis_queue.ts';
import { createWriteTools } from '../../../services/order/wire/write_tools.ts';
import { freshDatabase, freshRedis } from '../../support/stack.ts';
import { memoryEntryStore } from '../memory/entry_store.ts';
import { memoryHeldOrders } from '../memory/held_orders.ts';
import { OrderDb } from '../memory/order_db.ts';
import { memoryOrderStore } from '../memory/order_store.ts';
import { memoryWaitingQueue, QueueRedis } from '../memory/waiting_queue.ts';
import { orderContract } from './order_contract.ts';

const LEASE_MS = 60_000;

orderContract('in memory', async () => {
  const db = new OrderDb(Date.now);
  const redis = new QueueRedis(Date.now);
  return {
    entries: memoryEntryStore(db, Date.now),
    orders: memoryOrderStore(db, Date.now),
    held_orders: memoryHeldOrders(db, Date.now),
    queue: memoryWaitingQueue(redis),
    lease: async (name) => db.leases.acquire(name, randomUUID(), LEASE_MS, Date.now())!,
    end: async (lease) => db.leases.release(lease, Date.now()),
    wipe: async () => redis.wipe(),
  };
});

orderContract('MariaDB and Redis', async (t) => {
  const [mysql, server] = await Promise.all([freshDatabase(), freshRedis()]);
  t.teardown(() => mysql.stop());
  t.teardown(() => server.stop());
  const log = silentLog();
  await migrate(mysql.url, migrations, { log });
  const db = await openDatabase({ url: mysql.url, log, service: 'order', multiple_statements: true });
  t.teardown(() => db.close());
  const redis = await openRedis({ url: server.url, log, service: 'order' });
  t.teardown(() => redis.close());
  const tools = createWriteTools({ keyring: createKeyring({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), index: createBlindIndex(randomBytes(32).toString('hex')) }, systemClock);
  const orders = createOrderStore(db, tools);
  return {
    entries: createEntryStore(db, tools),
    orders,
    held_orders: openHeldOrders(db, tools, orders),
    queue: await createRedisQueue(redis.client),
    lease: async (name) => (await acquireLease(db, { name, owner: randomUUID(), ttl_ms: LEASE_MS }))!,
    end: (lease) => releaseLease(db, lease),
    wipe: async () => void (await redis.client.flushall()),
  };
});
