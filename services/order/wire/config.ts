import { z } from 'zod';
import { count, flag, hexKeys, hostPort, hostPorts, milliseconds, port, url } from '#kit/run/config.ts';

const COLUMN_KEYS = z.object({ active: z.string(), keys: z.record(z.string(), z.string()) });

export const configSchema = z.object({
  listen_host: z.string().default('127.0.0.1'),
  order_port: port.default(0),
  mysql_url_order: z.string(),
  redis_url: z.string(),
  nats_url: z.string(),
  nats_token: z.string().optional(),
  /** Copies of each stream: 3 where NATS is a cluster. */
  nats_replicas: count.default(1),
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
  /** Without it nobody enters the standby list by consent; it is offered. */
  aftersales_address: hostPort.optional(),
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
  /** When a run that the railway changed is looked at again: after every transaction that was under way at the first look. */
  order_look_again_ms: milliseconds.default(30_000),
  order_mysql_pool: count.default(16),
  /** Connects all of the pool before it serves. */
  order_mysql_warm: flag.default(false),
  /** An index that speaks Elasticsearch's protocol, for customer service to search by; the database searches without it. */
  order_index_url: url.optional(),
  order_index_name: z.string().regex(/^[a-z][a-z0-9_-]{0,40}$/).default('orders'),
});

export type Config = z.output<typeof configSchema>;
