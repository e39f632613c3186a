import { gaugeValue } from '#kit/load/measure.ts';
import { reportLoad } from '#kit/load/report.ts';
import type { Lifecycle } from '#kit/run/lifecycle.ts';
import type { Log } from '#kit/telemetry/log.ts';
import type { Config } from './config.ts';

/** What travellers wait for here, and how many wait in the queues: what protection mode is switched on by. */
export function reportOrderLoad(config: Config, log: Log, lifecycle: Lifecycle): void {
  lifecycle.add('load', reportLoad({
    address: config.risk_address,
    caller_key: config.caller_key[0],
    service: 'order',
    methods: ['SubmitOrder', 'GetQueueStatus', 'GetOrder', 'CancelOrder'],
    queueEntries: () => gaugeValue('order_queue_length', { service: 'order', state: 'WAITING' }),
    log,
    every_ms: config.order_report_ms,
  }));
}
