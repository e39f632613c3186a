import { z } from 'zod';
import { count, hexKeys, hostPort, hostPorts, milliseconds, port, url } from '#kit/run/config.ts';

const COLUMN_KEYS = z.object({ active: z.string(), keys: z.record(z.string(), z.string()) });

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  order_port: port.default(0),
  mysql_url_order: z.string(),
  redis_url: z.string(),
  nats_url: z.string(),
  nats_token: z.string().optional(),
  jwks_url: url,
  jwt_issuer: z.string().default('chunyun'),
  jwt_audience: z.string().default('chunyun'),
  caller_key: hexKeys(32),
  column_keys: z.string().transform((text) => COLUMN_KEYS.parse(JSON.parse(text))),
  blind_index_key: z.string(),
  query_address: hostPort,
  inventory_address: hostPorts,
  identity_address: hostPort,
  payment_address: hostPort,
  ticketing_address: hostPort,
  risk_address: hostPort,
  /** 支付时限: how long an order may stay unpaid. Where it is given, the setting `order.pay_window_ms` is not asked. */
  order_pay_window_ms: milliseconds.optional(),
  /** How often due orders, entries and late payments are looked for. */
  order_sweep_ms: milliseconds.default(1000),
  /** How long a gateway that does not answer is asked before payments are closed without it. */
  order_force_close_ms: milliseconds.default(300_000),
  /** How long a queue stays with an owner that has died. */
  order_queue_lease_ms: milliseconds.default(4000),
  /** How often risk is told how long answers took and how many wait. */
  order_report_ms: milliseconds.default(5000),
  order_mysql_pool: count.default(16),
});

export type Config = z.output<typeof configSchema>;
