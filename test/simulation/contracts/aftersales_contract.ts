/** What aftersales' stores of refunds and changes must do, whatever is behind them. */
import { randomInt, randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { required } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { ChangeStore } from '../../../services/aftersales/app/change_ports.ts';
import type { Actor, NewRefund, RefundStore } from '../../../services/aftersales/app/ports.ts';
import type { Change, ChangeBody } from '../../../services/aftersales/domain/change.ts';
import { moneyIdOf, type RefundItem } from '../../../services/aftersales/domain/refund.ts';
import { journey } from '../../../services/order/domain/samples.ts';
import { hash, why } from './results.ts';

export type AftersalesStores = {
  refunds: RefundStore;
  changes: ChangeStore;
  /** What an event of payment does; whether it was ours. */
  noteMoney(money_id: string, arrived: boolean): Promise<boolean>;
  noteDifference(payment_id: string): Promise<boolean>;
  /** Whether the sweeper would look at it now. */
  isDue(what: 'refund' | 'change', id: bigint): Promise<boolean>;
};

type Open = (t: ExecutionContext) => Promise<AftersalesStores>;

const ACTOR: Actor = { account_id: '7', service: 'aftersales', device_id: '', ip: '' };
const HOUR_MS = 3_600_000;

export function aftersalesContract(name: string, open: Open): void {
  refundContract(name, open);
  changeContract(name, open);
}

function refundContract(name: string, open: Open): void {
  test(`${name}: a refund is made once for a request, and once for an item's version`, async (t) => {
    const { refunds } = await open(t);
    const wanted = newRefund(2);
    t.is(required(await refunds.ofRequest('7', wanted.request_id, wanted.body_hash)), undefined);
    const made = required(await refunds.create(wanted, ACTOR));
    t.is(made.stage, 'BEGUN');
    t.is(required(await refunds.create(wanted, ACTOR)).refund_id, made.refund_id);
    t.is(required(await refunds.ofRequest('7', wanted.request_id, wanted.body_hash))!.refund_id, made.refund_id);
    t.is(why(await refunds.ofRequest('7', wanted.request_id, hash('another'))), 'REQUEST_ID_REUSED');
    t.is(why(await refunds.create({ ...wanted, body_hash: hash('another') }, ACTOR)), 'REQUEST_ID_REUSED');
    t.is(required(await refunds.ofRequest('8', wanted.request_id, wanted.body_hash)), undefined, "another account's request ids are its own");
    const other = { ...newRefund(0), order: wanted.order, quote: { ...wanted.quote, items: wanted.quote.items.slice(1) } };
    t.is(why(await refunds.create(other, ACTOR)), 'ITEM_NOT_REFUNDABLE');
    t.is(why(await refunds.ofRequest('7', formatUuid7(Date.now() - 30 * 24 * HOUR_MS, hash('old')), hash('old'))), 'REQUEST_ID_EXPIRED');
    t.deepEqual((await refunds.ofOrder(made.order_id)).map(({ refund_id }) => refund_id), [made.refund_id]);
    t.deepEqual(await refunds.find(made.refund_id), made);
    t.is(await refunds.find(1n), undefined);
  });

  test(`${name}: a refund moves from the stage it is in, and refused items may be refunded again`, async (t) => {
    const { refunds } = await open(t);
    const wanted = newRefund(1);
    const { refund_id } = required(await refunds.create(wanted, ACTOR));
    t.is((await refunds.move(refund_id, 'ACCEPTED', 'VOIDED')).stage, 'BEGUN', 'it is not there');
    t.is((await refunds.move(refund_id, 'BEGUN', 'ACCEPTED')).stage, 'ACCEPTED');
    t.is((await refunds.refuse(refund_id, 'BEGUN', 'VERSION_STALE')).stage, 'ACCEPTED', 'too late');
    t.is(why(await refunds.create({ ...wanted, request_id: requestId() }, ACTOR)), 'ITEM_NOT_REFUNDABLE');
    t.is((await refunds.move(refund_id, 'ACCEPTED', 'UNDOING', { reason: 'TICKET_NOT_VALID' })).reason, 'TICKET_NOT_VALID');
    const refused = await refunds.refuse(refund_id, 'UNDOING', 'TICKET_NOT_VALID');
    t.deepEqual([refused.stage, refused.reason, refused.finish_time_ms !== undefined], ['REFUSED', 'TICKET_NOT_VALID', true]);
    t.deepEqual(await refunds.awaited(refund_id), []);
    t.is(required(await refunds.create({ ...wanted, request_id: requestId() }, ACTOR)).stage, 'BEGUN');
    await t.throwsAsync(refunds.move(1n, 'BEGUN', 'ACCEPTED'));
  });

  test(`${name}: the money of a refund is awaited by each way it goes, and news of it wakes it`, async (t) => {
    const { refunds, noteMoney, isDue } = await open(t);
    const wanted = newRefund(2);
    const [first, second] = wanted.quote.items as [RefundItem, RefundItem];
    Object.assign(first, { paid_fen: 1000, returned_fen: 900, money: [{ payment_id: '1', amount_fen: 600 }, { payment_id: '2', amount_fen: 400 }] });
    Object.assign(second, { returned_fen: 0, fee_fen: 1000 });
    const { refund_id } = required(await refunds.create(wanted, ACTOR));
    const ids = [moneyIdOf(first), `${moneyIdOf(first)}-2`];
    t.deepEqual((await refunds.awaited(refund_id)).toSorted(), ids.toSorted());
    t.false(await noteMoney('r-1-1-1', true), 'of somebody else');
    t.false(await noteMoney(ids[1]!, true), 'nobody waits for it yet');
    t.deepEqual(await refunds.awaited(refund_id), [ids[0]!]);
    for (const [from, to] of [['BEGUN', 'ACCEPTED'], ['ACCEPTED', 'VOIDED'], ['VOIDED', 'MONEY_SENT']] as const) await refunds.move(refund_id, from, to, { wait_ms: 60_000 });
    t.false(await isDue('refund', refund_id));
    t.true(await noteMoney(ids[0]!, false));
    t.true(await isDue('refund', refund_id));
    t.deepEqual(await refunds.awaited(refund_id), [ids[0]!], 'people have to look');
    await refunds.moneyArrived(ids[0]!);
    t.deepEqual(await refunds.awaited(refund_id), []);
    const done = await refunds.move(refund_id, 'MONEY_SENT', 'DONE');
    t.true(done.finish_time_ms !== undefined && !(await isDue('refund', refund_id)));
    t.false(await noteMoney(ids[0]!, true));
  });
}

function changeContract(name: string, open: Open): void {
  test(`${name}: a change is made once for a request`, async (t) => {
    const { changes } = await open(t);
    const wanted = newChange();
    t.is(required(await changes.ofRequest('7', wanted.request_id, wanted.body_hash)), undefined);
    const [made, again] = await Promise.all([changes.create(wanted, ACTOR), changes.create(wanted, ACTOR)]).then((both) => both.map(required) as [Change, Change]);
    t.deepEqual([made.stage, made.version, made.payment_id, made.reason], ['BEGUN', 1, '', '']);
    t.is(again.change_id, made.change_id);
    t.deepEqual(bodyOf(made), wanted.body);
    t.is(required(await changes.ofRequest('7', wanted.request_id, wanted.body_hash))!.change_id, made.change_id);
    t.is(why(await changes.ofRequest('7', wanted.request_id, hash('another'))), 'REQUEST_ID_REUSED');
    t.is(why(await changes.create({ ...wanted, body_hash: hash('another') }, ACTOR)), 'REQUEST_ID_REUSED');
    t.is(why(await changes.ofRequest('7', formatUuid7(Date.now() - 30 * 24 * HOUR_MS, hash('old')), hash('old'))), 'REQUEST_ID_EXPIRED');
    const second = required(await changes.create({ ...newChange(), order_id: wanted.order_id }, ACTOR));
    t.deepEqual((await changes.ofOrder(made.order_id)).map(({ change_id }) => change_id), [made.change_id, second.change_id]);
    t.deepEqual(await changes.find(made.change_id), made);
    t.is(await changes.find(1n), undefined);
  });

  test(`${name}: of giving up and the pivot one happens, and what was learnt stays`, async (t) => {
    const { changes, isDue } = await open(t);
    const { change_id, items } = required(await changes.create(newChange(), ACTOR));
    const locked = [{ ...items[0]!, new_fare_fen: 900 }];
    const pay_expire_ms = Date.now() + HOUR_MS;
    await changes.move(change_id, 'BEGUN', 'OPENED');
    await changes.move(change_id, 'OPENED', 'LOCKED', { body: { items: locked }, pay_expire_ms });
    const asked = await changes.move(change_id, 'LOCKED', 'AWAIT_PAY', { payment_id: '55', wait_ms: 60_000 });
    t.deepEqual([asked.items, asked.pay_expire_ms, asked.payment_id, asked.version, asked.seat_class], [locked, pay_expire_ms, '55', 4, 'SECOND']);
    t.false(await isDue('change', change_id));
    await changes.move(change_id, 'AWAIT_PAY', 'PAID');
    const [pivoted, given_up] = await Promise.all([changes.move(change_id, 'PAID', 'PIVOTED'), changes.move(change_id, 'PAID', 'UNDOING', { reason: 'CANCELLED' }, ACTOR)]);
    t.is(pivoted.stage, given_up.stage, 'both tell of what happened');
    const now = (await changes.find(change_id))!;
    t.deepEqual([now.stage, now.version], [pivoted.stage, 6]);
    t.is(now.reason, now.stage === 'UNDOING' ? 'CANCELLED' : '');
    const undone = await changes.move(change_id, 'PIVOTED', 'UNDOING', { reason: 'TICKETING_FAILED' });
    t.is(undone.stage, 'UNDOING');
    const ended = await changes.move(change_id, 'UNDOING', 'CANCELLED');
    t.true(ended.finish_ms !== undefined && ended.reason !== '' && !(await isDue('change', change_id)));
    t.is((await changes.move(change_id, 'UNDOING', 'OPENED')).stage, 'CANCELLED');
    await t.throwsAsync(changes.move(1n, 'BEGUN', 'OPENED'));
  });

  test(`${name}: a difference that came wakes the change that waits for it, and no other`, async (t) => {
    const { changes, noteDifference, isDue } = await open(t);
    const { change_id } = required(await changes.create(newChange(), ACTOR));
    const payment_id = String(randomInt(1e9));
    t.false(await noteDifference(payment_id));
    for (const [from, to] of [['BEGUN', 'OPENED'], ['OPENED', 'LOCKED']] as const) await changes.move(change_id, from, to);
    await changes.move(change_id, 'LOCKED', 'AWAIT_PAY', { payment_id, wait_ms: 60_000 });
    t.false(await isDue('change', change_id));
    t.true(await noteDifference(payment_id));
    t.true(await isDue('change', change_id));
    await changes.move(change_id, 'AWAIT_PAY', 'PAID', { wait_ms: 60_000 });
    t.false(await noteDifference(payment_id), 'it waits no more');
    t.false(await isDue('change', change_id));
  });
}

function newRefund(count: number): NewRefund {
  const order_id = String(randomInt(1e12));
  const items = Array.from({ length: count }, (_, index): RefundItem => ({ item_id: `${order_id}-${index + 1}`, item_no: index + 1, version: 5n, hold_id: 'h', run_id: 'G1.20260116', paid_fen: 1000, money: [{ payment_id: '1', amount_fen: 1000 }], fee_fen: 100, returned_fen: 900, rule_id: 'R', text_zh: '退票', text_en: 'refund' }));
  return { request_id: requestId(), body_hash: hash(order_id), order: { order_id, account_id: '7', payment_id: '1', items: [] }, quote: { items, rule_version: '2024' }, cause: 'TRAVELLER', reason: 'TRAVELLER' };
}

function newChange() {
  const order_id = String(randomInt(1e12));
  const item = { item_id: `${order_id}-1`, item_no: 1, version: 5, passenger_id: '9', passenger_type: 'ADULT', hold_id: 'h', old_fare_fen: 1000, money: [{ payment_id: '1', amount_fen: 1000 }], new_fare_fen: 1000, fee_fen: 0, places: [], ticket_id: '' };
  const terms = { rule_id: 'R', rule_version: '2024', permille: 0, text_zh: '改签', text_en: 'change', quoted_ms: 1, departure_ms: 2 };
  const body: ChangeBody = { items: [item], old_run_id: 'G1.20260116', journey: JSON.parse(JSON.stringify(journey)) as ChangeBody['journey'], seat_class: 'SECOND', preference: undefined, channel: 'WEB', fares: [], terms };
  return { request_id: requestId(), body_hash: hash(order_id), order_id, account_id: '7', body };
}

function bodyOf({ items, old_run_id, journey: ride, seat_class, preference, channel, fares, terms }: Change): ChangeBody {
  return { items, old_run_id, journey: ride, seat_class, preference, channel, fares, terms };
}

function requestId(): string {
  return formatUuid7(Date.now(), hash(randomUUID()));
}
