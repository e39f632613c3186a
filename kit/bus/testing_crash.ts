// A process whose handler kills it, for the test of events that do so. Its argument is JSON: see the test.
import { silentLog } from '#kit/telemetry/log.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import { openBus } from './bus.ts';
import { startConsumer } from './consumer.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as { mysql_url: string; nats_url: string; token?: string; prefix: string };
const log = silentLog();
const nats = await openBus({ url: settings.nats_url, token: settings.token, prefix: settings.prefix, log, service: 'test' });
const db = await openDatabase({ url: settings.mysql_url, log, service: 'test' });
await startConsumer({
  nats,
  db,
  stream: 'ORDER',
  durable: 'watcher',
  service: 'test',
  log,
  ack_wait_ms: 100,
  max_deliver: 4,
  handle: async () => {
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => {});
  },
});
