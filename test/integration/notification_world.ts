// Identity, notification, the messaging providers and a bus, and how to put events on it as their publishers do.
import { create, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { headers } from '@nats-io/transport-node';
import type { OrderSnapshotSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import { NotificationService } from '#gen/rail/notification/v1/notification_pb.ts';
import { openBus } from '#kit/bus/bus.ts';
import type { Bus } from '#kit/bus/bus.ts';
import { encodeEvent, HEADER_TYPE } from '#kit/bus/envelope.ts';
import { eventBucket, eventSubject, STREAM_OWNER } from '#kit/bus/streams.ts';
import type { StreamName } from '#kit/bus/streams.ts';
import { createClient } from '#kit/rpc/client.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { readConfig } from '#kit/run/config.ts';
import { openDatabase } from '#kit/store/mysql.ts';
import type { Database } from '#kit/store/mysql.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import * as messaging from '../../sandbox/messaging/main.ts';
import type { Sandbox } from '../../sandbox/shared/sandbox.ts';
import * as notification from '../../services/notification/main.ts';
import { freshDatabase, freshNats } from '../support/stack.ts';
import { CALLER_KEY, openIdentity, requestId } from './identity_world.ts';
import type { IdentityWorld } from './identity_world.ts';

export type NotificationWorld = IdentityWorld & {
  messaging: Sandbox;
  bus: Bus;
  notifications: ServiceClient<typeof NotificationService>;
  /** The client of another service of ours. */
  asService(service: string): ServiceClient<typeof NotificationService>;
  notification_db: Database;
  publish<S extends DescMessage>(stream: StreamName, key: string, schema: S, payload: MessageInitShape<S>, event_id?: string): Promise<string>;
  running: notification.Running;
  /** Another process of the service on the same database and bus. */
  startAnother(extra: Record<string, string>): Promise<notification.Running>;
  /** What a recipient got, newest first. */
  received(recipient: string): Promise<Array<{ channel: string; provider: string; title: string; body: string; message_id: string }>>;
};

export async function openNotification(extra: Record<string, string> = {}): Promise<NotificationWorld> {
  const world = await openIdentity({ IDENTITY_OPERATOR_LOGIN: 'operator', IDENTITY_OPERATOR_PASSWORD: 'operator-2026' });
  const { lifecycle } = world;
  const database = await freshDatabase();
  lifecycle.onStop('database', database.stop);
  const nats = await freshNats();
  lifecycle.onStop('nats', nats.stop);
  const providers = lifecycle.add('messaging', await messaging.start(readConfig(messaging.configSchema, world.sandbox_env)));
  const env = {
    ...world.env,
    MYSQL_URL_NOTIFICATION: database.url,
    NATS_URL: nats.url,
    NATS_TOKEN: nats.token,
    IDENTITY_ADDRESS: world.identity.address,
    MESSAGING_URL: providers.url,
    JWKS_URL: `http://${world.identity.http_address}/.well-known/jwks.json`,
    NOTIFICATION_SEND_TIMEOUT_MS: '300',
    NOTIFICATION_RETRY_MS: '200',
    NOTIFICATION_RECEIPT_MS: '50',
    ...extra,
  };
  const startAnother: NotificationWorld['startAnother'] = async (more) => lifecycle.add('notification', await notification.start(readConfig(notification.configSchema, { ...env, ...more }), { log: silentLog() }));
  const running = await startAnother({});
  const clientOf = (service: string, caller_key?: Uint8Array) => {
    const client = createClient(NotificationService, { default_timeout_ms: 60_000, address: running.address, service, caller_key });
    lifecycle.onStop('client', () => client.close());
    return client;
  };
  const bus = await openBus({ url: nats.url, token: nats.token, log: silentLog(), service: 'test' });
  lifecycle.onStop('bus', () => bus.close());
  const notification_db = await openDatabase({ url: database.url, log: silentLog(), service: 'test' });
  lifecycle.onStop('connection', () => notification_db.close());
  return {
    ...world,
    messaging: providers,
    running,
    startAnother,
    bus,
    notifications: clientOf('test'),
    asService: (service) => clientOf(service, Buffer.from(CALLER_KEY, 'hex')),
    notification_db,
    async publish(stream, key, schema, payload, event_id = requestId()) {
      const message_headers = headers();
      message_headers.set(HEADER_TYPE, schema.typeName);
      const event = { event_id, type: schema.typeName, version: 1n, key, occurred_at: new Date(), payload: toBinary(schema, create(schema, payload)), trace: {} };
      await bus.js.publish(eventSubject(bus, stream, eventBucket(key), STREAM_OWNER[stream]), encodeEvent(event), { headers: message_headers });
      return event_id;
    },
    async received(recipient) {
      const response = await fetch(`${providers.url}/inbox?recipient=${encodeURIComponent(recipient)}`);
      return ((await response.json()) as { messages: Awaited<ReturnType<NotificationWorld['received']>> }).messages;
    },
  };
}

/** An order as its service would tell of it. */
export function orderOf(account_id: string, order_id: string): MessageInitShape<typeof OrderSnapshotSchema> {
  return {
    orderId: order_id,
    accountId: account_id,
    journey: { runId: 'G1.20260115', trainNo: 'G1', serviceDate: '2026-01-15', fromStationName: '北京南', toStationName: '上海虹桥', departureTime: timestampFromMs(Date.UTC(2026, 0, 15, 1)) },
    items: [{ itemId: `${order_id}-1`, passengerNameMasked: '韩**', seat: { coachNo: '05', seatNo: '12A' }, ticketId: '77' }],
    total: { amountFen: 55_300n, currency: 'CNY' },
    payExpireTime: timestampFromMs(Date.UTC(2026, 0, 14, 4, 10)),
    state: 'WAIT_PAY',
  };
}
