// Identity: accounts, sessions, passengers and real-name verification. All wiring of the service.
import { z } from 'zod';
import { RiskService } from '#gen/rail/risk/v1/risk_pb.ts';
import { auditService } from '#kit/audit/service.ts';
import { systemClock } from '#kit/base/clock.ts';
import type { Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { createExternalClient } from '#kit/external/http.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { housekeepingService } from '#kit/housekeeping/service.ts';
import { startServer } from '#kit/rpc/server.ts';
import { watchCalls } from '#kit/settings/calls.ts';
import { hexKeys, hostPort, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import type { Lifecycle, Stoppable } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { migrate } from '#kit/store/migrate.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import type { Database } from '#kit/store/mysql.ts';
import { startSweeper } from '#kit/store/sweeper.ts';
import { leaseIds } from '#kit/store/ids.ts';
import { createLog } from '#kit/telemetry/log.ts';
import type { Log } from '#kit/telemetry/log.ts';
import { ensureOperator } from './app/accounts.ts';
import type { Deps } from './app/ports.ts';
import { verifyDue } from './app/verify.ts';
import { startJwksServer } from './rpc/jwks_http.ts';
import { createAuthority } from './rpc/realname.ts';
import { createRisk, FALLBACKS, NO_RISK } from './rpc/risk.ts';
import { identityService } from './rpc/service.ts';
import { createTokenSigner } from './rpc/token_signer.ts';
import { ENTITIES } from './store/entities.ts';
import { createIdentityStore } from './store/identity_store.ts';
import { openJwtKeys } from './store/jwt_keys.ts';
import { createLooks } from './store/looks.ts';
import { migrations } from './store/migrations.ts';
import { createPasswords } from './store/passwords.ts';
import { pruneSessions } from './store/session_rows.ts';
import { createVault, type Vault } from './store/vault.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  identity_port: port.default(0),
  identity_http_port: port.default(0),
  mysql_url_identity: z.string(),
  caller_key: hexKeys(32),
  column_keys: z.string().transform((text) => COLUMN_KEYS.parse(JSON.parse(text))),
  blind_index_key: z.string(),
  signing_keys_dir: z.string(),
  realname_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  /** The key that signs; default: the last by name. */
  identity_jwt_kid: z.string().optional(),
  risk_address: hostPort.optional(),
  identity_risk_fallback: z.enum(FALLBACKS).default('captcha'),
  identity_verify_retry_ms: milliseconds.default(10_000),
  /** Where it is given, the setting `calls.realname` is not asked. */
  identity_realname_timeout_ms: milliseconds.optional(),
  identity_operator_login: z.string().optional(),
  identity_operator_password: z.string().optional(),
});

export type Config = z.output<typeof configSchema>;
export type Running = Stoppable & { port: number; address: string; http_port: number; http_address: string; stop(): Promise<void> };

/** Starts the service on a database that it migrates itself. */
export async function start(config: Config, { clock = systemClock, log = createLog({ service: SERVICE }) }: { clock?: Clock; log?: Log } = {}): Promise<Running> {
  const started = await startAll(async (lifecycle) => {
    await migrate(config.mysql_url_identity, migrations, { log });
    const db = await openDatabase({ url: config.mysql_url_identity, entities: ENTITIES, log, service: SERVICE, multiple_statements: true });
    lifecycle.onStop('database', () => db.close());
    const keys = await openJwtKeys(config.signing_keys_dir, config.identity_jwt_kid);
    lifecycle.add('jwt keys', repeat({ name: 'jwt_keys', service: SERVICE, every_ms: 60_000, log, run: () => keys.reload() }));
    const vault = createVault(config.column_keys, config.blind_index_key);
    const deps = await makeDeps(config, { clock, log, db, vault, lifecycle, signing: () => keys.signing() });
    const { identity_operator_login: login, identity_operator_password: password } = config;
    if (login !== undefined && password !== undefined) await ensureOperator(deps, login, password);

    lifecycle.add('verifications', sweepVerifications(db, deps));
    lifecycle.add('pruning', repeat({ name: 'prune_sessions', service: SERVICE, every_ms: 600_000, log, run: async () => ((await pruneSessions(db)) > 0 ? 'again' : undefined) }));
    const http = lifecycle.add('http', await startJwksServer({ host: config.listen_host, port: config.identity_http_port, jwks: () => keys.jwks() }));
    const token = { jwks: new URL(`http://${http.address}/.well-known/jwks.json`), issuer: config.jwt_issuer, audience: config.jwt_audience };
    const auth = { caller_keys: config.caller_key, token };
    const server = lifecycle.add('rpc', await startServer({ service: SERVICE, host: config.listen_host, port: config.identity_port, implementations: [identityService(deps), housekeepingService({ db }), auditService({ db, keys: vault })], auth, log, clock }));
    return { port: server.port, address: server.address, http_port: http.port, http_address: http.address };
  });
  return { ...started, stop: async () => started.stop() };
}

/** Requirements: 3 s for the real-name authority, three tries; what operators set wins. */
const REALNAME_TIMEOUT_MS = 3000;
const REALNAME_ATTEMPTS = 3;

type Parts = { clock: Clock; log: Log; db: Database; vault: Vault; lifecycle: Lifecycle; signing: Parameters<typeof createTokenSigner>[0]['signing'] };

async function makeDeps(config: Config, { clock, log, db, vault, lifecycle, signing }: Parts): Promise<Deps> {
  const fixed = config.identity_realname_timeout_ms === undefined ? undefined : { timeout_ms: config.identity_realname_timeout_ms, attempts: REALNAME_ATTEMPTS };
  const calls = lifecycle.add('call settings', watchCalls('calls.realname', { address: config.risk_address, caller_key: config.caller_key[0], service: SERVICE, log }, fixed));
  const client = createExternalClient({
    name: 'realname',
    url: config.realname_url,
    keys: await loadOurKeys(config.signing_keys_dir, 'realname'),
    timeout_ms: REALNAME_TIMEOUT_MS,
    attempts: REALNAME_ATTEMPTS,
    tuned: calls.get,
    service: SERVICE,
    clock,
  });
  return {
    store: createIdentityStore(db, vault, clock),
    looks: createLooks(db, vault, clock),
    passwords: await createPasswords(),
    tokens: createTokenSigner({ signing, issuer: config.jwt_issuer, audience: config.jwt_audience, clock, random: systemRandom }),
    ids: await leaseIds({ db, clock, log, lifecycle }),
    authority: createAuthority(client, log),
    risk: riskOf(config, log, lifecycle),
    secrets: { personIndex: (text) => vault.index.of('person', text), fingerprint: (parts) => vault.fingerprint(parts) },
    clock,
    random: systemRandom,
    log,
    verify_retry_ms: config.identity_verify_retry_ms,
  };
}

function riskOf(config: Config, log: Log, lifecycle: Lifecycle): Deps['risk'] {
  if (config.risk_address === undefined) return NO_RISK;
  const client = createClient(RiskService, { address: config.risk_address, service: SERVICE, caller_key: config.caller_key[0] });
  lifecycle.onStop('risk client', () => client.close());
  return createRisk(client, config.identity_risk_fallback, log);
}

function sweepVerifications(db: Database, deps: Deps): Stoppable {
  return startSweeper<{ passenger_id: bigint }>({
    db,
    log: deps.log,
    service: SERVICE,
    name: 'verifications',
    table: 'passenger',
    key: ['passenger_id'],
    handle: ({ passenger_id }, signal) => verifyDue(deps, passenger_id, signal),
  });
}

const SERVICE = 'identity';
const COLUMN_KEYS = z.object({ active: z.string(), keys: z.record(z.string(), z.string()) });

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
