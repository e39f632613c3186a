/** Two edges and two limiters on one Redis, as in the cluster: together they let in what one would. */
import { randomBytes } from 'node:crypto';
import test from 'ava';
import { readConfig } from '#kit/run/config.ts';
import { Lifecycle } from '#kit/run/lifecycle.ts';
import { migrate } from '#kit/store/migrate.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { configSchema, start } from '../../services/risk/main.ts';
import { migrations } from '../../services/risk/store/migrations.ts';
import { startEdge, type Edge } from '../support/edge.ts';
import { ask, exact } from '../support/edge_pace.ts';
import { startStub, type Stub } from '../support/edge_stub.ts';
import { waysInto, type Way } from '../support/edge_ways.ts';
import { freshDatabase, freshRedis } from '../support/stack.ts';

const lifecycle = new Lifecycle();

let stub: Stub;
/** Into each edge by gRPC; each asks a limiter of its own. */
let ways: Way[];
let edges: Edge[];

test.before(async () => {
  stub = await startStub();
  lifecycle.onStop('server', stub.stop);
  const [database, redis] = await Promise.all([freshDatabase(), freshRedis()]);
  for (const part of [database, redis]) lifecycle.onStop('server', part.stop);
  await migrate(database.url, migrations, { log: silentLog() });
  const config = readConfig(configSchema, {
    MYSQL_URL_RISK: database.url, REDIS_URL: redis.url, JWKS_URL: stub.tokens.jwks_url, LOG_LEVEL: 'silent',
    CALLER_KEY: randomBytes(32).toString('hex'), COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
  });
  ways = [];
  edges = [];
  for (let replica = 0; replica < 2; replica++) {
    const risk = await start(config);
    lifecycle.onStop('risk', () => risk.stop());
    const edge = await startEdge({ env: stub.env, instead: { RISK_PORT: Number(risk.address.split(':')[1]) } });
    lifecycle.onStop('edge', () => edge.stop());
    edges.push(edge);
    ways.push(waysInto(edge).find(({ name }) => name === 'gRPC')!);
  }
});

test.after.always(() => lifecycle.stop());

test.serial('an account gets its burst and then three a second over both', async (t) => {
  const account = await stub.tokens.headersFor({ account_id: '4711', device_id: '' });
  await exact(t, (turn) => ask(ways[turn % 2]!, account), undefined, edges);
});

test.serial('a device gets the same over both', async (t) => {
  await exact(t, (turn) => ask(ways[turn % 2]!, { 'x-device-id': 'a-device' }), undefined, edges);
});
