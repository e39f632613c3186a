import { z } from 'zod';
import { count, hexKeys, hostPort, list, milliseconds, port, url } from '#kit/run/config.ts';

/** Environment of the inventory service; see docs/ARCHITECTURE.md for the names that all services share. */
export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  inventory_port: port.default(0),
  mysql_url_inventory: url,
  redis_url: list,
  nats_url: list,
  nats_token: z.string().optional(),
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
  inventory_mysql_pool: count.default(12),
  /** How often holds that ran out are looked for. */
  inventory_sweep_ms: milliseconds.default(500),
  /** How often runs that ended long ago are looked for, to delete them from Redis. */
  inventory_forget_ms: milliseconds.default(60_000),
  /** How long a difference must stay to be one: longer than any hold can be under way. */
  inventory_settle_ms: milliseconds.default(5_000),
});

export type Config = z.output<typeof configSchema>;
