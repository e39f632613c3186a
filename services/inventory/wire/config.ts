import { z } from 'zod';
import { count, flag, hexKeys, hostPort, list, milliseconds, port, url } from '#kit/run/config.ts';

/** Environment of the inventory service; see docs/ARCHITECTURE.md for the names that all services share. */
export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  inventory_port: port.default(0),
  mysql_url_inventory: url,
  redis_url: list,
  nats_url: list,
  nats_token: z.string().optional(),
  /** Copies of each stream: 3 where NATS is a cluster. */
  nats_replicas: count.default(1),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  query_address: hostPort,
  order_address: hostPort,
  /** Where settings come from; without it none are set. */
  risk_address: hostPort.optional(),
  /** How many buckets runs opened from now on are spread over; runs keep theirs. Never below what was used before. */
  inventory_buckets: count.default(64),
  /** A canary's: another version serves these stores, so buckets are joined or the process does not start (docs/adr/0039). */
  inventory_beside: flag.default(false),
  inventory_mysql_pool: count.default(12),
  /** Connects all of the pool before it serves. */
  inventory_mysql_warm: flag.default(false),
  /** How often holds that ran out are looked for. */
  inventory_sweep_ms: milliseconds.default(500),
  /** How long released seats are kept for those who wait; with the sweep above at most two seconds. */
  inventory_keep_ms: milliseconds.default(1_500),
  /** How often query is asked what the railway has changed of runs on sale. */
  inventory_follow_ms: milliseconds.default(1_000),
  /** How often runs that ended long ago are looked for, to delete them from Redis. */
  inventory_forget_ms: milliseconds.default(60_000),
  /** How long a difference must stay to be one: longer than any hold can be under way. */
  inventory_settle_ms: milliseconds.default(5_000),
});

export type Config = z.output<typeof configSchema>;
