/** Every stream is published twice again in full: nothing changes, neither behind the inbox nor without it. */
import test from 'ava';
import { openBus } from '#kit/bus/bus.ts';
import { republish } from '#kit/bus/republish.ts';
import { STREAM_OWNER, STREAMS } from '#kit/bus/streams.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { connectBuyers } from './saga_buyer.ts';
import { fill, openDear, SCENARIOS } from './saga_scenarios.ts';
import { openSagaWorld, type SagaWorld } from './saga_world.ts';

let world: SagaWorld;
test.before(async () => void (world = await openSagaWorld()));
test.after.always(() => world?.lifecycle.stop());

/** What the bus and the processes keep for themselves. Outbox and audit are no such thing: an event that has an effect again leaves its trace there. */
const OWN_BOOKS = new Set(['lease', 'worker_lease', 'inbox', 'delivery', 'outbox_relay']);

test('all streams are published twice again, and nothing changes', async (t) => {
  const stage = { t, world, clients: connectBuyers(world), run: await world.openRun('G1'), full: await world.openRun('G2', [20]), dear: await openDear(world) };
  await fill(stage);
  await Promise.all(Object.entries(SCENARIOS).filter(([name]) => name !== 'pay after the end' && name !== 'be refused by the railway').map(([, scenario]) => scenario(stage)));
  // Their faults are the gateway's and the railway's, so they would be everybody's.
  await SCENARIOS['pay after the end'](stage);
  await SCENARIOS['be refused by the railway'](stage);
  await world.rest();
  t.is(await world.judge(), '');
  const before = await checksums();
  t.true(before.size > 20);

  const published = await republishAll();
  for (const stream of STREAMS) t.true(published.get(stream)! > 0, `${stream} has events`);
  await world.rest();
  t.deepEqual(await checksums(), before);

  // As if they came so late that the inbox has forgotten them: then each effect itself knows that it was had.
  for (const database of ['order', 'notification', 'aftersales']) await world.db.query(`DELETE FROM chunyun_${database}.inbox`);
  t.deepEqual(await republishAll(), published);
  await world.rest();
  t.deepEqual(await checksums(), before);
  const taken = await world.db.query<{ n: bigint }>('SELECT (SELECT COUNT(*) FROM chunyun_order.inbox) + (SELECT COUNT(*) FROM chunyun_notification.inbox) + (SELECT COUNT(*) FROM chunyun_aftersales.inbox) AS n');
  t.true(Number(taken[0]!.n) > 0, 'the second time every event was handled');
});

/** How many events were published, by stream. */
async function republishAll(): Promise<Map<string, number>> {
  const log = silentLog();
  const published = new Map<string, number>();
  for (const stream of STREAMS) {
    const service = STREAM_OWNER[stream];
    const db = await openDatabase({ url: world.env[`MYSQL_URL_${service.toUpperCase()}`]!, log, service });
    const bus = await openBus({ url: world.env.NATS_URL!, token: world.env.NATS_TOKEN!, log, service });
    published.set(stream, await republish(db, bus, { stream, since: new Date(0), until: new Date(Date.now() + 60_000) }));
    await bus.close();
    await db.close();
  }
  return published;
}

/** Of every table of every service that holds business. */
async function checksums(): Promise<Map<string, string>> {
  const tables = await world.db.query<{ name: string; owner: string }>("SELECT table_name AS name, table_schema AS owner FROM information_schema.tables WHERE table_schema LIKE 'chunyun\\_%' ORDER BY 2, 1");
  const sums = new Map<string, string>();
  for (const { name, owner } of tables) {
    if (OWN_BOOKS.has(name)) continue;
    const [row] = await world.db.query<{ Checksum: bigint | number | null }>(`CHECKSUM TABLE ${owner}.\`${name}\``);
    sums.set(`${owner}.${name}`, String(row!.Checksum));
  }
  return sums;
}
