import test from 'ava';
import { fromBinary } from '@bufbuild/protobuf';
import { MessagesDeliveredSchema } from '#gen/rail/event/v1/notify_events_pb.ts';
import { OrderClosedSchema, OrderPaidSchema, OrderPlacedSchema, OrderTicketedSchema } from '#gen/rail/event/v1/order_events_pb.ts';
import { RefundSucceededSchema } from '#gen/rail/event/v1/payment_events_pb.ts';
import { DeliveryState, MessageChannel, TemplateState } from '#gen/rail/notification/v1/notification_pb.ts';
import { subscribeEvents } from '#kit/bus/subscribe.ts';
import { silentLog } from '#kit/telemetry/log.ts';
import { bearer, dumpTables, reasonOf, registerSomebody, requestId, until } from './identity_world.ts';
import { openNotification, orderOf } from './notification_world.ts';
import type { NotificationWorld } from './notification_world.ts';

const world: NotificationWorld = await openNotification();
const { notifications, publish, received } = world;
test.after.always(() => world.lifecycle.stop());

let orders = 0;
const orderId = () => String(9_000_000_000 + (orders += 1));
const operator = async () => bearer((await world.client.logIn({ loginName: 'operator', password: 'operator-2026' })).tokens?.accessToken);
const wordOf = (words: Readonly<Record<string, number>>, value: number) => Object.keys(words).find((word) => words[word] === value) ?? '';
const countOf = async (where: string) => (await world.notification_db.query<{ count: bigint }>(`SELECT COUNT(*) AS count FROM ${where}`))[0]?.count;

test('an order that waits for payment is told in the app and by SMS, once however often the event comes', async (t) => {
  const phone = '13700000001';
  const { account_id, auth } = await registerSomebody(world, { phone });
  const order_id = orderId();
  const event_id = await publish('ORDER', order_id, OrderPlacedSchema, { order: orderOf(account_id, order_id) });
  await publish('ORDER', order_id, OrderPlacedSchema, { order: orderOf(account_id, order_id) }, event_id);
  await publish('ORDER', order_id, OrderPlacedSchema, { order: orderOf(account_id, order_id) });
  await publish('ORDER', order_id, OrderPaidSchema, { order: orderOf(account_id, order_id) });
  const [sms] = await until(async () => ((await received(phone)).length > 0 ? received(phone) : undefined));
  t.like(sms, { channel: 'sms', provider: 'primary' });
  for (const part of ['G1', '北京南', '上海虹桥', '09:00', '05-12A', '553', '12:10', order_id]) t.true(sms?.body.includes(part), part);

  // What comes after all of them in the same bucket shows that they were handled.
  await publish('ORDER', order_id, OrderClosedSchema, { order: orderOf(account_id, order_id), reason: 'EXPIRED' });
  const { messages, unreadCount } = await until(async () => {
    const list = await notifications.listMessages({}, auth);
    return list.messages.length >= 2 && list;
  });
  await until(async () => (await countOf(`inbox WHERE consumer = 'notification-order'`)) !== 0n && (await world.bus.jsm.consumers.info('ORDER', 'notification-order')).num_ack_pending === 0);
  t.deepEqual(messages.map(({ templateId }) => templateId), ['ORDER_EXPIRED', 'ORDER_PLACED']);
  t.is(unreadCount, 2);
  t.is((await received(phone)).length, 1);
  t.is(await countOf(`message WHERE order_id = '${order_id}'`), 2n);
});

test('tickets are told in the language of the account, with receipts and an event for each channel', async (t) => {
  const told: string[] = [];
  const contact = { phone: '13700000002', email: 'ann@example.com', language: 'en' };
  const { account_id, auth } = await registerSomebody(world, contact);
  const order_id = orderId();
  const watching = await subscribeEvents({
    nats: world.bus,
    stream: 'NOTIFY',
    log: silentLog(),
    from: 'all',
    handle({ payload }) {
      for (const { orderId: about, channel, state } of fromBinary(MessagesDeliveredSchema, payload).deliveries) if (about === order_id) told.push(`${channel} ${state}`);
    },
  });
  t.teardown(() => watching.stop());
  await publish('ORDER', order_id, OrderTicketedSchema, { order: orderOf(account_id, order_id) });
  await until(async () => told.length >= 5);
  t.deepEqual(told.toSorted(), ['EMAIL DELIVERED', 'EMAIL SENT', 'INBOX DELIVERED', 'SMS DELIVERED', 'SMS SENT']);
  t.like((await received(contact.email))[0], { title: 'Your tickets are issued' });
  const english = { metadata: { ...auth.metadata, 'accept-language': 'en-GB' } };
  t.is((await notifications.listMessages({}, english)).messages[0]?.title, 'Your tickets are issued');
  t.is((await notifications.listMessages({}, auth)).messages[0]?.title, '出票成功');

  const { deliveries } = await notifications.listDeliveries({ orderId: order_id }, await operator());
  const seen = Object.fromEntries(deliveries.map(({ channel, state, recipientMasked, lastError, provider }) => [wordOf(MessageChannel, channel), [wordOf(DeliveryState, state), recipientMasked, lastError, provider]]));
  t.deepEqual(seen, {
    SMS: ['DELIVERED', '137****0002', '', 'primary'],
    EMAIL: ['DELIVERED', 'a***@example.com', '', 'primary'],
    INBOX: ['DELIVERED', '', '', ''],
  });
  t.is(await reasonOf(notifications.listDeliveries({ orderId: order_id }, auth)), 'NOT_ALLOWED');
});

test('a refund is told to who was told of the order, and waits until that is known', async (t) => {
  const { account_id, auth } = await registerSomebody(world, { phone: '13700000003' });
  const order_id = orderId();
  const refund = { refundId: `r-${order_id}-1-1`, paymentId: '5', orderId: order_id, amount: { amountFen: 12_345n } };
  await publish('PAYMENT', order_id, RefundSucceededSchema, { refund });
  await publish('ORDER', order_id, OrderTicketedSchema, { order: orderOf(account_id, order_id) });
  await publish('PAYMENT', order_id, RefundSucceededSchema, { refund });
  const messages = await until(async () => {
    const list = (await notifications.listMessages({}, auth)).messages;
    return list.length >= 2 && list;
  });
  t.is(messages[0]?.templateId, 'ORDER_REFUNDED');
  t.true(messages[0]?.body.includes('123.45'));
});

test('messages belong to their account', async (t) => {
  const [owner, stranger] = [await registerSomebody(world), await registerSomebody(world)];
  const send = (message_key: string) =>
    world.asService('aftersales').sendMessage({ messageKey: message_key, accountId: owner.account_id, templateId: 'ORDER_CANCELLED', parameters: { order: '1', date: '', train: 'G1', from: 'A', to: 'B' }, orderId: '1' });
  const first = await send(`one-${owner.account_id}`);
  t.is((await send(`one-${owner.account_id}`)).messageId, first.messageId);
  await send(`two-${owner.account_id}`);
  await send(`three-${owner.account_id}`);
  t.is((await notifications.listMessages({}, stranger.auth)).messages.length, 0);
  await notifications.markMessagesRead({ messageIds: [first.messageId] }, stranger.auth);
  await notifications.markMessagesRead({}, stranger.auth);
  const page = await notifications.listMessages({ pageSize: 2 }, owner.auth);
  t.like(page, { unreadCount: 3 });
  t.is(page.messages.length, 2);
  const rest = await notifications.listMessages({ pageSize: 2, pageToken: page.nextPageToken }, owner.auth);
  t.deepEqual([rest.messages.map(({ messageId }) => messageId), rest.nextPageToken], [[first.messageId], '']);
  t.is((await notifications.markMessagesRead({ messageIds: [first.messageId] }, owner.auth)).unreadCount, 2);
  t.is((await notifications.markMessagesRead({}, owner.auth)).unreadCount, 0);
  t.is(await reasonOf(world.asService('order').sendMessage({})), 'NOT_ALLOWED');
  t.is(await reasonOf(world.asService('ops').sendMessage({ messageKey: 'x', accountId: '1', templateId: 'ORDER_CANCELLED' })), 'FIELD_INVALID');
  t.is(await reasonOf(world.asService('ops').sendMessage({ messageKey: 'x', accountId: '1', templateId: 'NOPE' })), 'TEMPLATE_NOT_FOUND');
});

test.serial('a wording is used once somebody else has reviewed it', async (t) => {
  const author = await operator();
  const { templates } = await notifications.listTemplates({}, author);
  const active = templates.find(({ templateId, channel }) => templateId === 'ORDER_CANCELLED' && channel === MessageChannel.INBOX)!;
  const request = { requestId: requestId(), template: { ...active, titleZh: '已取消 {order}' } };
  const proposed = (await notifications.proposeTemplate(request, author)).template!;
  t.like(proposed, { version: 2n, state: TemplateState.PROPOSED });
  t.is((await notifications.proposeTemplate(request, author)).template?.version, 2n);
  t.is(await reasonOf(notifications.proposeTemplate({ requestId: requestId(), template: { ...active, bodyZh: '{password}' } }, author)), 'FIELD_INVALID');
  const review = { templateId: 'ORDER_CANCELLED', channel: MessageChannel.INBOX, version: 2n, approve: true };
  t.is(await reasonOf(notifications.reviewTemplate({ ...review, requestId: requestId() }, author)), 'NOT_ALLOWED');
  await world.notification_db.query("UPDATE template SET author = '1' WHERE version = 2");
  t.is((await notifications.reviewTemplate({ ...review, requestId: requestId() }, author)).template?.state, TemplateState.ACTIVE);
  t.is(await reasonOf(notifications.reviewTemplate({ ...review, requestId: requestId() }, author)), 'CONFLICT');
  const { account_id, auth } = await registerSomebody(world);
  await world.asService('ops').sendMessage({ messageKey: `new-${account_id}`, accountId: account_id, templateId: 'ORDER_CANCELLED', parameters: { order: '42', date: '', train: '', from: '', to: '' } });
  t.is((await notifications.listMessages({}, auth)).messages[0]?.title, '已取消 42');
});

test('no table of notification holds a phone number or an address', async (t) => {
  const contact = { phone: '13700000009', email: 'secret.reader@example.com' };
  const { account_id } = await registerSomebody(world, contact);
  const order_id = orderId();
  await publish('ORDER', order_id, OrderTicketedSchema, { order: orderOf(account_id, order_id) });
  await until(async () => (await received(contact.email)).length > 0 && (await received(contact.phone)).length > 0);
  const dump = await until(async () => {
    const text = await dumpTables(world.notification_db);
    return ['137****0009', 's***@example.com'].every((masked) => text.includes(masked)) && text;
  });
  for (const clear of [contact.phone, contact.email]) {
    t.false(dump.includes(clear), clear);
    t.false(dump.includes(Buffer.from(clear).toString('hex')), clear);
  }
});
