// Customer service finds orders across accounts: the same answers from the index and from the database.
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import test, { type ExecutionContext } from 'ava';
import { OrderService, OrderState, type Order, type SearchOrdersRequestSchema } from '#gen/rail/order/v1/order_pb.ts';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { createClient, type CallOptions } from '#kit/rpc/client.ts';
import { readConfig } from '#kit/run/config.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import * as order from '../../services/order/main.ts';
import { hasOpenSearch, startOpenSearch, type OpenSearch } from '../support/opensearch.ts';
import { buy, fresh, openOrder, pay, reasonOf, runOf, TOMORROW, until, untilState, wish, type OrderWorld } from './order_world.ts';

type Search = Extract<MessageInitShape<typeof SearchOrdersRequestSchema>, { $typeName?: never }>;

const ids = (orders: readonly Order[]) => orders.map(({ orderId }) => orderId);

async function searchIn(world: OrderWorld, operator: CallOptions, search: Search): Promise<string[]> {
  return ids((await world.client.searchOrders(search, operator)).orders);
}

/** What every implementation answers alike. */
async function contract(t: ExecutionContext, world: OrderWorld): Promise<void> {
  const operator = await world.bearer(fresh(), ['operator']);
  const [account, run] = [fresh(), runOf(`S${fresh()}`)];
  const [mine, theirs] = [await world.bearer(account), await world.bearer(fresh())];
  const begin_ms = Date.now() - 60_000;
  const [me, you] = [fresh(), fresh()];
  // The fake identity service writes its blind indexes from names of sixteen letters.
  const person = `person-${you}`.padEnd(16);
  world.peers.persons.set(you, person);
  const first = await buy(world, mine, wish(run, [me]));
  const paid = await buy(world, theirs, wish(run, [you]));
  const payment_id = await pay(world, paid);
  await untilState(world, paid.orderId, OrderState.SUCCESS, theirs);
  const newest_first = [paid.orderId, first.orderId].toSorted((a, b) => (BigInt(a) < BigInt(b) ? 1 : -1));
  const search = (wanted: Search) => searchIn(world, operator, wanted);
  const becomes = async (wanted: Search, expected: string[]) => {
    await until(async () => (await search(wanted)).join() === expected.join());
    t.deepEqual(await search(wanted), expected);
  };
  await becomes({ runId: run }, newest_first);
  await becomes({ runId: run, states: [OrderState.SUCCESS] }, [paid.orderId]);
  await becomes({ runId: run, states: [OrderState.WAIT_PAY, OrderState.SUCCESS] }, newest_first);
  await becomes({ paymentId: payment_id }, [paid.orderId]);
  await becomes({ accountId: account }, [first.orderId]);
  await becomes({ personBlindIndex: Buffer.from(person).toString('hex') }, [paid.orderId]);
  await becomes({ orderId: first.orderId }, [first.orderId]);
  await becomes({ runId: run, serviceDateFrom: TOMORROW, serviceDateTo: TOMORROW }, newest_first);
  t.deepEqual(await search({ runId: run, serviceDateTo: '2020-01-01' }), []);
  await becomes({ runId: run, createFromTime: timestampFromMs(begin_ms) }, newest_first);
  t.deepEqual(await search({ runId: run, createToTime: timestampFromMs(begin_ms) }), []);
  t.deepEqual(await search({ orderId: 'x' }), []);

  const page = await world.client.searchOrders({ runId: run, pageSize: 1 }, operator);
  t.deepEqual(ids(page.orders), newest_first.slice(0, 1));
  const rest = await world.client.searchOrders({ runId: run, pageSize: 1, pageToken: page.nextPageToken }, operator);
  t.deepEqual([ids(rest.orders), rest.nextPageToken], [newest_first.slice(1), '']);
  const refused = (wanted: Search, who = operator) => reasonOf(world.client.searchOrders(wanted, who));
  t.is(await refused({ accountId: account, pageToken: page.nextPageToken }), 'PAGE_TOKEN_INVALID', 'it is good for its own conditions only');
  const [, signature] = page.nextPageToken.split('.');
  t.is(await refused({ runId: run, pageToken: `9999999999999999999.${signature}` }), 'PAGE_TOKEN_INVALID');
  t.is(await refused({ runId: run, pageToken: first.orderId }), 'PAGE_TOKEN_INVALID');
  t.is(await refused({ serviceDateFrom: 'tomorrow' }), 'FIELD_INVALID');
  t.is(await refused({ accountId: 'me' }), 'FIELD_INVALID');
  t.is(await refused({ personBlindIndex: '11010119900307123X' }), 'FIELD_INVALID', 'a number is no blind index');
  t.is(await refused({ runId: run }, mine), 'NOT_ALLOWED');
  const audit = await world.db.query<{ target: string }>("SELECT target FROM audit_record WHERE operation = 'order.Search' ORDER BY audit_id DESC LIMIT 1");
  t.is(audit.length, 1);
  t.true(timestampDate(paid.createTime!).getTime() > begin_ms);
}

test('without an index the database finds them', async (t) => {
  const world = await openOrder();
  try {
    await contract(t, world);
    t.is(await reasonOf(world.as('ops').rebuildOrderIndex({})), 'NOT_IMPLEMENTED');
  } finally {
    await world.lifecycle.stop();
  }
});

let opensearch: OpenSearch | undefined;
const indexTest = hasOpenSearch() ? test.serial : test.serial.skip;
test.before(async () => {
  if (hasOpenSearch()) opensearch = await startOpenSearch();
});
test.after.always(() => opensearch?.stop());

/** Documents as the index keeps them. */
async function documents(name: string, { url } = opensearch!): Promise<string> {
  await fetch(`${url}/${name}/_refresh`, { method: 'POST' });
  return (await fetch(`${url}/${name}/_search?size=1000`)).text();
}

indexTest('the index finds the same, and keeps of a person nothing but the blind index', async (t) => {
  const world = await openOrder({ ORDER_INDEX_URL: opensearch!.url, ORDER_INDEX_NAME: 'contract' });
  try {
    await contract(t, world);
    const kept = await documents('contract');
    t.true(kept.includes(Buffer.from('person-').toString('hex')));
    const [item] = await world.db.query<{ passenger_name_masked: string; id_number_masked: string; passenger_id: string }>('SELECT passenger_name_masked, id_number_masked, passenger_id FROM order_item LIMIT 1');
    for (const word of Object.values(item!)) if (word !== '') t.false(kept.includes(word), 'neither names nor numbers, not even masked');
  } finally {
    await world.lifecycle.stop();
  }
});

indexTest('it is filled anew from the database, and follows what happens meanwhile', async (t) => {
  const world = await openOrder();
  try {
    const run = runOf(`S${fresh()}`);
    const auth = await world.bearer(fresh());
    const operator = await world.bearer(fresh(), ['operator']);
    const before = await buy(world, auth, wish(run, [fresh()]));
    // Another process has an index, which comes later than the order and knows nothing of it.
    const process_config = readConfig(order.configSchema, { ...world.env, ORDER_INDEX_URL: opensearch!.url, ORDER_INDEX_NAME: 'refill' });
    const process = world.lifecycle.add('searching', await order.start(process_config, { log: silentLog() }));
    const clientFor = (service: string, caller_key?: Uint8Array) => createClient(OrderService, { address: process.address, service, caller_key, default_timeout_ms: 60_000 });
    const searching = { client: clientFor('test'), ops: clientFor('ops', Buffer.from(world.env.CALLER_KEY!, 'hex')) };
    world.lifecycle.onStop('clients', () => [searching.client, searching.ops].forEach((client) => client.close()));
    // The stream still has the event; an order of long ago has none.
    await until(async () => (await documents('refill')).includes(before.orderId));
    await fetch(`${opensearch!.url}/refill/_doc/${before.orderId}?refresh=true`, { method: 'DELETE' });
    // An index that is slow to answer is stood in for by the database.
    await until(async () => (await searching.client.searchOrders({ runId: run }, operator)).orders.length === 0);
    let pageToken = '';
    let paid = false;
    do {
      ({ nextPageToken: pageToken } = await searching.ops.rebuildOrderIndex({ pageToken }));
      if (!paid) {
        paid = true;
        await pay(world, before);
        await untilState(world, before.orderId, OrderState.SUCCESS, auth);
      }
    } while (pageToken !== '');
    await until(async () => ids((await searching.client.searchOrders({ runId: run, states: [OrderState.SUCCESS] }, operator)).orders).join() === before.orderId);
    const aliases = (await (await fetch(`${opensearch!.url}/_alias/refill`)).json()) as object;
    t.is(Object.keys(aliases).length, 1, 'the old index is gone');
  } finally {
    await world.lifecycle.stop();
  }
});

indexTest('while the index is away the database answers, nothing becomes a dead letter, and what was missed is caught up', async (t) => {
  const own = await startOpenSearch();
  const world = await openOrder({ ORDER_INDEX_URL: own.url, ORDER_INDEX_NAME: 'away' });
  try {
    const operator = await world.bearer(fresh(), ['operator']);
    const run = runOf(`S${fresh()}`);
    await own.kill();
    const { orderId } = await buy(world, await world.bearer(fresh()), wish(run, [fresh()]));
    t.deepEqual(await searchIn(world, operator, { runId: run }), [orderId]);
    await own.revive();
    await until(async () => (await documents('away', own)).includes(orderId));
    t.deepEqual(await world.db.query('SELECT 1 FROM delivery'), [], 'no try was counted');
  } finally {
    await world.lifecycle.stop();
    await own.stop();
  }
});
