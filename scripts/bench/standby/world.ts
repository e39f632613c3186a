/** Inventory, order and aftersales as one process of the product on servers of their own; the rest of the world is played here. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { StandbyService } from '#gen/rail/aftersales/v1/standby_pb.ts';
import { IdentityService, VerifyState } from '#gen/rail/identity/v1/identity_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { PaymentService } from '#gen/rail/payment/v1/payment_pb.ts';
import { QueryService, SaleState } from '#gen/rail/query/v1/query_pb.ts';
import { ConfigService } from '#gen/rail/config/v1/config_pb.ts';
import { RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { FailureError } from '#kit/base/result.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { implement, type Handlers, type Implementation } from '#kit/rpc/implement.ts';
import { startServer } from '#kit/rpc/server.ts';
import { startAll, type Stoppable } from '#kit/run/lifecycle.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase, type Database } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { migrations } from '../../../services/aftersales/store/migrations.ts';
import { say, step } from '../../say.ts';
import { keep } from '../../stack/child.ts';
import { freePort, LOOPBACK } from '../../stack/ports.ts';
import { httpServes, until } from '../../stack/probe.ts';
import { databaseStatements, runSql } from '../../stack/sql.ts';
import { NODE_BIN, ROOT } from '../../tools/paths.ts';
import { runIdOf, timetableRun } from '../inventory/mix.ts';
import { startServers } from '../inventory/servers.ts';
import { foldersOf } from '../inventory/world.ts';

export type World = Stoppable & {
  standbys: ServiceClient<typeof StandbyService>;
  /** As order. */
  inventory: ServiceClient<typeof InventoryService>;
  ops: ServiceClient<typeof InventoryService>;
  db: { aftersales: Database; inventory: Database };
};

const OWN = ['inventory', 'order', 'aftersales'] as const;
const TIMEOUT_MS = 120_000;
const READY_WITHIN_MS = 120_000;
const FARE_FEN = 10_000n;

export function startWorld(trains: readonly string[]): Promise<World> {
  return startAll(async (lifecycle) => {
    const servers = await step(say, 'starting redis, mariadb, nats and the services', '正在启动 redis、mariadb、nats 与各服务', () => startServers({ redis: true, mysql: true, nats: true }, false));
    lifecycle.add('servers', servers);
    const urls = Object.fromEntries(await Promise.all(OWN.map(async (name) => [name, await makeDatabase(servers.mysql_url!, `chunyun_${name}`)] as const))) as Record<(typeof OWN)[number], string>;
    await migrate(urls.aftersales, migrations, { log: silentLog() });
    const caller_key = randomBytes(32);
    const outside = lifecycle.add('outside', await startServer({ service: 'outside', implementations: played(trains), auth: { caller_keys: [caller_key] }, log: silentLog() }));
    const ports: Record<string, number> = {};
    for (const name of [...OWN, 'metrics']) ports[name] = await freePort(new Set(Object.values(ports)));
    const env = {
      ...process.env,
      LOG_LEVEL: 'warn', METRICS_PORT: String(ports.metrics), REDIS_URL: servers.redis_url, NATS_URL: servers.nats_url, NATS_TOKEN: servers.nats_token,
      JWKS_URL: `http://${LOOPBACK}:${ports.metrics}/`, CALLER_KEY: caller_key.toString('hex'),
      COLUMN_KEYS: JSON.stringify({ active: 'k1', keys: { k1: randomBytes(32).toString('base64') } }), BLIND_INDEX_KEY: randomBytes(32).toString('hex'),
      ...Object.fromEntries(['QUERY', 'IDENTITY', 'PAYMENT', 'TICKETING', 'RISK'].map((name) => [`${name}_ADDRESS`, outside.address])),
      ...Object.fromEntries(OWN.flatMap((name) => [[`MYSQL_URL_${name.toUpperCase()}`, urls[name]], [`${name.toUpperCase()}_PORT`, String(ports[name])], [`${name.toUpperCase()}_ADDRESS`, `${LOOPBACK}:${ports[name]}`]])),
    };
    const spec = {
      name: 'services', words: [join(NODE_BIN, 'node'), join(ROOT, 'scripts', 'stack', 'serve.ts'), '--services', OWN.join(',')], env, cwd: ROOT,
      ready: (signal: AbortSignal) => until(signal, () => httpServes(ports.metrics!, '/readyz')), ready_within_ms: READY_WITHIN_MS,
    };
    const kept = await keep(spec, foldersOf(servers), say, new AbortController().signal);
    lifecycle.onStop('services', () => kept.stop());
    const clientOf = <S extends DescService>(contract: S, name: string, service: string): ServiceClient<S> => {
      const client = createClient(contract, { address: `${LOOPBACK}:${ports[name]}`, service, caller_key, default_timeout_ms: TIMEOUT_MS });
      lifecycle.onStop('client', () => client.close());
      return client;
    };
    const database = async (url: string): Promise<Database> => {
      const db = await openDatabase({ url, log: silentLog(), service: 'bench', statement_timeout_ms: TIMEOUT_MS });
      lifecycle.onStop('database', () => db.close());
      return db;
    };
    return {
      standbys: clientOf(StandbyService, 'aftersales', 'order'),
      inventory: clientOf(InventoryService, 'inventory', 'order'),
      ops: clientOf(InventoryService, 'inventory', 'ops'),
      db: { aftersales: await database(urls.aftersales), inventory: await database(urls.inventory) },
    };
  });
}

async function makeDatabase(admin_url: string, name: string): Promise<string> {
  const password = randomBytes(16).toString('hex');
  await runSql(admin_url, databaseStatements(name, name, password, 'schema'));
  const url = new URL(admin_url);
  Object.assign(url, { username: name, password, pathname: `/${name}` });
  return url.href;
}

/** A timetable of the trains, people who are who they say, and money that nobody pays. */
function played(trains: readonly string[]): Implementation[] {
  const runs = new Map(trains.map((train) => [runIdOf(train), { ...timetableRun(train), saleState: SaleState.OPEN }]));
  const query = {
    async *streamTrainRuns({ runIds }: { runIds: string[] }) {
      for (const [run_id, run] of runs) if (runIds.length === 0 || runIds.includes(run_id)) yield { run };
    },
    listRunChanges: () => ({ changes: [], timetableRevision: 0n }),
    getTrainRun: ({ runId }: { runId: string }) => ({ run: runs.get(runId) }),
    quoteFares: ({ seatClasses, passengerTypes }: { seatClasses: number[]; passengerTypes: number[] }) => ({
      fares: seatClasses.flatMap((seatClass) => passengerTypes.map((passengerType) => ({ seatClass, passengerType, fare: { amountFen: FARE_FEN, currency: 'CNY' } }))),
    }),
  };
  const identity = {
    resolvePassengers: ({ passengerIds }: { passengerIds: string[] }) => ({
      passengers: passengerIds.map((passengerId) => ({
        passenger: { passengerId, nameMasked: '张*', idNumberMasked: '1101********1234', passengerType: PassengerType.ADULT, verifyState: VerifyState.VERIFIED },
        personBlindIndex: Buffer.from(passengerId.padEnd(16)).toString('hex'),
      })),
    }),
  };
  return [partly(QueryService, query), partly(IdentityService, identity), partly(PaymentService, { listPayments: () => ({ payments: [] }) }), partly(RiskService, {}), partly(ConfigService, {})];
}

function partly<S extends DescService>(service: S, handlers: object): Implementation {
  const refuse = () => {
    throw new FailureError({ reason: 'NOT_IMPLEMENTED' });
  };
  return implement(service, { ...Object.fromEntries(service.methods.map(({ localName }) => [localName, refuse])), ...handlers } as unknown as Handlers<S>);
}
