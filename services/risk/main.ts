import { z } from 'zod';
import { auditService } from '#kit/audit/service.ts';
import { systemClock, type Clock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { createBlindIndex } from '#kit/crypto/blind_index.ts';
import { createKeyring } from '#kit/crypto/column.ts';
import { hmacSign, hmacVerify } from '#kit/crypto/hmac.ts';
import { housekeepingService } from '#kit/housekeeping/service.ts';
import { startServer } from '#kit/rpc/server.ts';
import { hexKeys, list, milliseconds, port, readConfig, url } from '#kit/run/config.ts';
import { runMain, startAll } from '#kit/run/lifecycle.ts';
import { repeat } from '#kit/run/loop.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { openRedis } from '#kit/store/redis.ts';
import { createLog } from '#kit/telemetry/log.ts';
import { BlockList } from './app/blocks.ts';
import { captchaTokens } from './app/captcha.ts';
import { ConfigHub } from './app/config.ts';
import { ProtectionWatch } from './app/protection.ts';
import type { Limit, LimitKind } from './domain/limit.ts';
import { configService } from './rpc/config.ts';
import { evidenceMethods } from './rpc/evidence.ts';
import { protectionMeters, protectionMethods } from './rpc/protection.ts';
import { rateLimitService } from './rpc/rate_limit.ts';
import { riskService } from './rpc/risk.ts';
import { openBlockStore } from './store/block_store.ts';
import { openBuckets } from './store/buckets.ts';
import { openCaptchaStore } from './store/captcha_store.ts';
import { openConfigStore } from './store/config_store.ts';
import { openEvidenceStore } from './store/evidence_store.ts';
import { openReportStore } from './store/report_store.ts';

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  risk_port: port.default(0),
  mysql_url_risk: z.string(),
  redis_url: list,
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  column_keys: z.string(),
  blind_index_key: z.string(),
  /** How soon a setting or a block written by another process is known here. */
  risk_refresh_ms: milliseconds.default(1000),
});

/** Within what the edge waits for a limit that it refuses without (envoy/filters.ts): a full core is no reason to refuse a payment. */
const REDIS_MS = 800;

export type RiskConfig = z.output<typeof configSchema>;

/** The only wiring of risk: limits for the edge, blocks, captchas, judgement, and the settings that services watch. */
export function start(config: RiskConfig, { clock = systemClock }: { clock?: Clock } = {}) {
  return startAll(async (lifecycle) => {
    const log = createLog({ service: 'risk' });
    const db = await openDatabase({ url: config.mysql_url_risk, log, service: 'risk' });
    lifecycle.onStop('database', () => db.close());
    const redis = await openRedis({ url: config.redis_url, log, service: 'risk', command_timeout_ms: REDIS_MS });
    lifecycle.onStop('redis', () => redis.close());
    const keys = { keyring: createKeyring(JSON.parse(config.column_keys)), index: createBlindIndex(config.blind_index_key) };

    const config_store = openConfigStore(db, keys, clock);
    const hub = new ConfigHub(config_store);
    const block_store = openBlockStore(db, keys, clock, systemRandom);
    const blocks = new BlockList(block_store);
    await Promise.all([hub.refresh(), blocks.refresh()]);
    lifecycle.add('refresh', repeat({
      name: 'refresh', service: 'risk', every_ms: config.risk_refresh_ms, jitter: 0.2, log,
      run: async () => void (await Promise.all([hub.refresh(), blocks.refresh()])),
    }));

    const buckets = await openBuckets(redis);
    const signing_key = config.caller_key[0]!;
    const captcha = {
      store: openCaptchaStore(redis),
      signer: {
        sign: (text: string) => hmacSign(signing_key, ['captcha', text]).toString('base64url'),
        verify: (text: string, signature: string) => hmacVerify(signing_key, ['captcha', text], Buffer.from(signature, 'base64url')),
      },
      clock,
      random: systemRandom,
    };
    const reports = openReportStore(redis);
    const protection = new ProtectionWatch({ hub, store: config_store, reports, meters: protectionMeters(), clock, random: systemRandom, log });
    lifecycle.add('protection', repeat({ name: 'protection', service: 'risk', every_ms: config.risk_refresh_ms, jitter: 0.2, log, run: () => protection.evaluate() }));
    const evidence = openEvidenceStore(db, block_store, keys, clock);
    const limitOf = (kind: LimitKind) => protection.limit(hub.value<Limit>(`limits.edge.${kind}`));
    const server = await startServer({
      service: 'risk',
      host: config.listen_host,
      port: config.risk_port,
      log,
      auth: { caller_keys: config.caller_key, token: { jwks: new URL(config.jwks_url), issuer: config.jwt_issuer, audience: config.jwt_audience }, clock },
      implementations: [
        rateLimitService({ buckets, blocks, limitOf, now_ms: () => clock.now_ms() }),
        riskService({
          assess: {
            blocks, buckets, evidence, captcha: captchaTokens(captcha),
            paceOf: (operation) => hub.value(`risk.pace.${operation}`), clock, random: systemRandom,
          },
          captcha, blocks, block_store, protection: protectionMethods(protection, reports), evidence: evidenceMethods(evidence),
        }),
        configService(hub, config_store),
        housekeepingService({ db }),
        auditService({ db, keys }),
      ],
    });
    lifecycle.add('server', server);
    return { port: server.port, address: server.address };
  });
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
