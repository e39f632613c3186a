// What the railway changed of a run is told to travellers, in both languages, once, and only to those who still mean to travel.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import {
  OrderClosedSchema, OrderRunCancelledSchema, OrderRunRestoredSchema, OrderSeatsChangedSchema, OrderTimesChangedSchema, type OrderRunChangeSchema, type OrderSnapshotSchema,
} from '#gen/rail/event/v1/order_events_pb.ts';
import { SEED_TEMPLATES } from '../../services/notification/domain/seeds.ts';
import { placeholdersOf } from '../../services/notification/domain/template.ts';
import { registerSomebody, until } from './identity_world.ts';
import { openNotification, orderOf } from './notification_world.ts';

const world = await openNotification();
const { notifications, publish, received } = world;
test.after.always(() => world.lifecycle.stop());

let orders = 0;
let phones = 13_600_000_000;
const at = (hours: number, minutes = 0) => timestampFromMs(Date.UTC(2026, 0, 15, hours, minutes));

type Snapshot = MessageInitShape<typeof OrderSnapshotSchema>;

/** Somebody with an order whose only item is in this state. */
async function somebody(state: string, version = 5n) {
  const phone = String((phones += 1));
  const { account_id, auth } = await registerSomebody(world, { phone });
  const order_id = String(8_000_000_000 + (orders += 1));
  const order: Snapshot = { ...orderOf(account_id, order_id), state, version };
  order.items = [{ ...(order.items as object[])[0], state, ticketId: state === 'WAIT_PAY' ? '' : '77' }];
  order.paymentId = state === 'WAIT_PAY' ? '' : '5';
  const change: MessageInitShape<typeof OrderRunChangeSchema> = {
    runId: 'G1.20260115', revision: 12n, reasonZh: '暴雨', reasonEn: 'heavy rain', itemIds: [`${order_id}-1`],
    journey: { trainNo: 'G1', serviceDate: '2026-01-15', fromStationName: '北京南', toStationName: '上海虹桥', departureTime: at(1, 30), arrivalTime: at(16, 20) },
  };
  const inbox = async (language = 'zh') => (await notifications.listMessages({}, { metadata: { ...auth.metadata, 'accept-language': language } })).messages;
  const untilTold = async (count: number) => until(async () => ((await inbox()).length >= count ? inbox() : undefined));
  return { phone, order_id, order, change, inbox, untilTold };
}

/** Everything that was published has had its effect: what somebody was told, oldest first. */
async function handled({ inbox }: Awaited<ReturnType<typeof somebody>>): Promise<string[]> {
  await until(async () => {
    const { num_pending, num_ack_pending } = await world.bus.jsm.consumers.info('ORDER', 'notification-order');
    return num_pending + num_ack_pending === 0;
  });
  return (await inbox()).map(({ templateId }) => templateId).toReversed();
}

test('new times are told with the old ones, the reason and what to do, in the language of the reader, once for each change', async (t) => {
  const who = await somebody('SUCCESS');
  const event = { order: who.order, change: who.change, previousDepartureTime: at(1), previousArrivalTime: at(6), overlappingItemIds: [`${who.order_id}-1`] };
  const event_id = await publish('ORDER', who.order_id, OrderTimesChangedSchema, event);
  await publish('ORDER', who.order_id, OrderTimesChangedSchema, event, event_id);
  await publish('ORDER', who.order_id, OrderTimesChangedSchema, event);
  const [zh] = await who.untilTold(1);
  const [en] = await who.inbox('en');
  for (const part of ['2026-01-15', 'G1', '北京南', '上海虹桥', '（暴雨）', '原 09:00 开、14:00 到', '现 09:30 开、01-16 00:20 到', '重叠', who.order_id, '退票']) t.true(zh!.body.includes(part), part);
  for (const part of ['(heavy rain)', 'leave 09:00 and arrive 14:00', 'leaves 09:30 and arrives 01-16 00:20', 'overlaps', 'refund']) t.true(en!.body.includes(part), part);
  const [sms] = await until(async () => ((await received(who.phone)).length > 0 ? received(who.phone) : undefined));
  t.is(sms!.body, zh!.body);
  // The next change is another message, without what is not so any more.
  await publish('ORDER', who.order_id, OrderTimesChangedSchema, { ...event, order: { ...who.order, version: 6n }, overlappingItemIds: [], change: { ...who.change, revision: 13n, reasonZh: '', reasonEn: '' } });
  const [latest] = await who.untilTold(2);
  t.false(/（|重叠|\{/.test(latest!.body), latest!.body);
  t.deepEqual(await handled(who), ['TIMES_CHANGED', 'TIMES_CHANGED']);
});

test('a cancelled run is told when it is cancelled or when the order closes for it, whichever comes first, and by what was paid', async (t) => {
  const paid = await somebody('SUCCESS');
  await publish('ORDER', paid.order_id, OrderRunCancelledSchema, { order: paid.order, change: paid.change });
  await publish('ORDER', paid.order_id, OrderClosedSchema, { order: paid.order, reason: 'RUN_CANCELLED', runRevision: 12n });
  t.deepEqual(await handled(paid), ['RUN_CANCELLED']);
  t.regex((await paid.inbox()).at(-1)!.body, /全额退回/);

  const unpaid = await somebody('WAIT_PAY');
  await publish('ORDER', unpaid.order_id, OrderClosedSchema, { order: { ...unpaid.order, state: 'CLOSED' }, reason: 'RUN_CANCELLED', runRevision: 12n });
  await publish('ORDER', unpaid.order_id, OrderRunCancelledSchema, { order: unpaid.order, change: unpaid.change });
  t.deepEqual(await handled(unpaid), ['RUN_CANCELLED_UNPAID']);
  t.regex((await unpaid.inbox()).at(-1)!.body, /请勿支付/);
  t.regex((await unpaid.inbox('en')).at(-1)!.body, /please do not pay/);
});

test('that it runs after all, and is cancelled again, is told each time', async (t) => {
  const who = await somebody('SUCCESS');
  await publish('ORDER', who.order_id, OrderRunCancelledSchema, { order: who.order, change: who.change });
  await who.untilTold(1);
  await publish('ORDER', who.order_id, OrderRunRestoredSchema, { order: { ...who.order, version: 6n }, change: { ...who.change, revision: 13n } });
  const [restored] = await who.untilTold(2);
  t.regex(restored!.body, /恢复开行，09:30 开/);
  await publish('ORDER', who.order_id, OrderRunCancelledSchema, { order: { ...who.order, version: 7n }, change: { ...who.change, revision: 14n } });
  t.deepEqual(await handled(who), ['RUN_CANCELLED', 'RUN_RESTORED', 'RUN_CANCELLED']);
});

test('seats that are gone are named, and told when they are back', async (t) => {
  const who = await somebody('SUCCESS');
  const gone = [{ itemId: `${who.order_id}-1`, seat: { coachNo: '05', seatNo: '12A' } }];
  await publish('ORDER', who.order_id, OrderSeatsChangedSchema, { order: who.order, change: who.change, gone });
  const [told] = await who.untilTold(1);
  for (const part of ['05-12A', '（暴雨）', '另行安排', '退回票款']) t.true(told!.body.includes(part), part);
  t.regex((await who.inbox('en'))[0]!.body, /05-12A .*another seat; or you may have your money back/);
  await publish('ORDER', who.order_id, OrderSeatsChangedSchema, { order: { ...who.order, version: 6n }, change: { ...who.change, revision: 13n }, gone: [] });
  t.deepEqual(await handled(who), ['SEATS_GONE', 'SEATS_BACK']);
});

test('who does not mean to travel any more hears nothing of it', async (t) => {
  for (const state of ['CLOSING', 'REFUND', 'CLOSED', 'FAIL']) {
    const who = await somebody(state);
    const common = { order: who.order, change: who.change };
    await publish('ORDER', who.order_id, OrderTimesChangedSchema, common);
    await publish('ORDER', who.order_id, OrderRunCancelledSchema, common);
    await publish('ORDER', who.order_id, OrderRunRestoredSchema, common);
    await publish('ORDER', who.order_id, OrderSeatsChangedSchema, { ...common, gone: [] });
    t.deepEqual(await handled(who), [], state);
  }
});

test('every wording says the same things in both languages', (t) => {
  for (const { template_id, title_zh, body_zh, title_en, body_en } of SEED_TEMPLATES) {
    const plain = (names: string[]) => names.map((name) => name.replace(/_(zh|en)$/, ''));
    t.deepEqual(plain(placeholdersOf({ title_zh, body_zh, title_en: '', body_en: '' })), plain(placeholdersOf({ title_zh: '', body_zh: '', title_en, body_en })), template_id);
  }
});
