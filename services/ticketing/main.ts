import { z } from 'zod';
import { IdentityService } from '#gen/rail/identity/v1/identity_pb.ts';
import { auditService } from '#kit/audit/service.ts';
import { fromHex } from '#kit/base/bytes.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { createExternalClient } from '#kit/external/http.ts';
import { loadOurKeys } from '#kit/external/keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startServer } from '#kit/rpc/server.ts';
import { watchCalls } from '#kit/settings/calls.ts';
import { hexKeys, hostPort, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { startSweeper } from '#kit/store/sweeper.ts';
import { leaseIds } from '#kit/store/ids.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { driveIssue } from './app/issue_tickets.ts';
import { driveVoid } from './app/void_tickets.ts';
import { gateKeyOf } from './domain/holder.ts';
import { peopleOver } from './rpc/people.ts';
import { railwayOver } from './rpc/railway.ts';
import { ticketingService } from './rpc/ticketing.ts';
import { createJournal } from './store/journal.ts';
import { openLateRuns } from './store/late_runs.ts';
import { openTicketKeys } from './store/signing_keys.ts';
import { openTicketStore } from './store/ticket_store.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  ticketing_port: port.default(0),
  mysql_url_ticketing: z.string(),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  column_keys: z.string(),
  blind_index_key: z.string(),
  /** Holds the railway's public key, ours, and `ticket-<kid>.pem`. */
  signing_keys_dir: z.string(),
  identity_address: hostPort,
  railway_url: url,
  /** Where settings are watched; without it they are the usual ones. */
  risk_address: hostPort.optional(),
  ticketing_sweep_ms: milliseconds.default(1000),
  /** First pause after a failed try; it doubles. */
  ticketing_backoff_ms: milliseconds.default(1000),
  /** How often key files and their table are read again. */
  ticketing_keys_reload_ms: milliseconds.default(30_000),
  /** From the publication of a new key to its first signature. */
  ticketing_key_publish_ms: milliseconds.default(3_600_000),
  /** How long a gate may judge by a set of revocations. */
  ticketing_revocations_fresh_ms: milliseconds.default(600_000),
});

export type TicketingConfig = z.output<typeof configSchema>;

/** Requirements: 3 s for the railway; the sweeper repeats, so a single call does not. */
const RAILWAY_TIMEOUT_MS = 3000;

/** The only wiring of ticketing. */
export function start(config: TicketingConfig, { clock = systemClock }: { clock?: Clock } = {}) {
  return startAll(async (lifecycle) => {
    const service = 'ticketing';
    const log = createLog({ service });
    const db = await openDatabase({ url: config.mysql_url_ticketing, log, service, multiple_statements: true });
    lifecycle.onStop('database', () => db.close());

    const ids = await leaseIds({ db, clock, log, lifecycle });

    const keyring = createKeyring(JSON.parse(config.column_keys));
    const audit_keys = { keyring, index: createBlindIndex(config.blind_index_key) };
    const journal = createJournal(audit_keys, clock);
    const gateKey = (run_id: string) => gateKeyOf(fromHex(config.blind_index_key)!, run_id);
    const store = openTicketStore({ db, journal, keyring, clock, log, gateKey, nextId: (gene) => ids.next(gene) });
    const keys = await openTicketKeys({ dir: config.signing_keys_dir, db, clock, log, publish_ms: config.ticketing_key_publish_ms });
    lifecycle.add('keys', repeat({ name: 'reload_ticket_keys', service, every_ms: config.ticketing_keys_reload_ms, log, run: () => keys.reload() }));

    const calls = lifecycle.add('call settings', watchCalls('calls.railway', { address: config.risk_address, caller_key: config.caller_key[0], service, log }));
    const railway = railwayOver(createExternalClient({
      name: 'railway', url: config.railway_url, keys: await loadOurKeys(config.signing_keys_dir, 'railway'), timeout_ms: RAILWAY_TIMEOUT_MS, attempts: 1, tuned: calls.get, service, clock,
    }));
    const identity = createClient(IdentityService, { address: config.identity_address, service, caller_key: config.caller_key[0]! });
    lifecycle.onStop('identity', () => identity.close());

    const deps = { store, people: peopleOver(identity), railway, keys, clock, log };
    const sweep = { db, log, service, poll_ms: config.ticketing_sweep_ms, backoff_base_ms: config.ticketing_backoff_ms };
    lifecycle.add('issue sweeper', startSweeper<{ issue_id: string }>({
      ...sweep, name: 'issues', table: 'issue', key: ['issue_id'],
      handle: ({ issue_id, attempts }, signal) => driveIssue(deps, issue_id, Number(attempts), signal),
    }));
    const voids = lifecycle.add('void sweeper', startSweeper<{ ticket_id: bigint }>({
      ...sweep, name: 'voids', table: 'ticket', key: ['ticket_id'],
      handle: ({ ticket_id }, signal) => driveVoid(deps, BigInt(ticket_id), signal),
    }));

    const server = lifecycle.add('server', await startServer({
      service, host: config.listen_host, port: config.ticketing_port, log,
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [ticketingService({ ...deps, late: openLateRuns(db, journal), gateKey, revocations_fresh_ms: config.ticketing_revocations_fresh_ms, publishedKeys: () => keys.published(), nudgeVoids: () => voids.nudge() }), auditService({ db, keys: audit_keys })],
    }));
    return { port: server.port, address: server.address };
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
