/** A traveller who wants another train for a ticket: at the quoted terms, paid in time, too late or not at all, given up at any moment. */
import { cancelChange } from '../../../services/aftersales/app/cancel_change.ts';
import { createChange } from '../../../services/aftersales/app/create_change.ts';
import { askQuote } from '../../../services/aftersales/app/quote_change.ts';
import { differenceOf, type Change } from '../../../services/aftersales/domain/change.ts';
import type { Wish } from '../../../services/aftersales/domain/change_quote.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import type { Order } from '../../../services/order/domain/order.ts';
import { SEAT_CLASS, STATIONS } from '../line.ts';
import type { AftersalesNode } from '../nodes/aftersales_node.ts';
import { ticketsOf } from '../nodes/change_peers.ts';
import { POLLS_MAX, type Person } from './person.ts';

/** Of those who want another train: who wants another destination, whom all passengers of the order go with, who does not pay, and who stays on his train. */
const ELSEWHERE_SHARE = 0.35;
const ALL_SHARE = 0.5;
const UNPAID_SHARE = 0.1;
const SAME_TRAIN_SHARE = 0.15;
const LATEST_MS = 3000;
const PAGE_OPEN_MS = 60_000;

/** Resolves when nothing is under way any more, as far as somebody waits for it. */
export async function changeTrain(person: Person, order: Order): Promise<void> {
  const { scheduler, faults, oracle, change_tokens } = person.world;
  await scheduler.sleep(scheduler.random.unit() * 3000);
  const wish = wishOf(person, order);
  const view = (id: string) => person.view(id, ticketsOf);
  const deps = ({ changes, clock }: AftersalesNode) => ({ ...changes, clock, view, at_counter: false, tokens: change_tokens });
  const quoted = await person.insist(() => person.aftersales('quoteChange', (node) => askQuote(deps(node), wish)));
  if (quoted?.ok !== true) return;
  const wanted = { ...wish, request_id: person.id(), preference: undefined, quote_token: change_tokens.seal(quoted.value.quote) };
  const create = (): Promise<Result<Change>> => person.aftersales('change', (node) => createChange(deps(node), wanted, person.audited));
  if (faults.hits('change_repeated')) void create();
  if (faults.hits('change_given_up')) void giveUp(person, order.order_id, scheduler.random.unit() * scheduler.pick([300, 4000, 30_000]));
  const created = await person.insist(create);
  if (created?.ok !== true) return;
  oracle.promised(created.value.change_id, differenceOf(quoted.value.quote.items));
  await payDifference(person, await seen(person, created.value.change_id, ({ stage }) => stage !== 'BEGUN' && stage !== 'OPENED' && stage !== 'LOCKED'));
  await seen(person, created.value.change_id, ({ finish_ms }) => finish_ms !== undefined);
}

function wishOf({ world }: Person, { order_id, items, journey }: Order): Wish {
  const { scheduler, timetable } = world;
  const ticketed = items.filter(({ state }) => state === 'SUCCESS').map(({ item_no }) => `${order_id}-${item_no}`);
  const item_ids = scheduler.chance(ALL_SHARE) ? ticketed : ticketed.slice(0, 1);
  const to_station_id = scheduler.chance(ELSEWHERE_SHARE) ? STATIONS[scheduler.between(journey.from_index + 1, STATIONS.length - 1)]! : journey.to_station_id;
  const others = timetable.runs.filter(({ run_id }) => run_id !== journey.run_id);
  const { run_id } = scheduler.chance(SAME_TRAIN_SHARE) ? journey : scheduler.pick(others);
  return { order_id, item_ids, run_id, from_station_id: journey.from_station_id, to_station_id, seat_class: SEAT_CLASS };
}

async function payDifference(person: Person, change: Change | undefined): Promise<void> {
  const { scheduler, faults } = person.world;
  if (change?.stage !== 'AWAIT_PAY' || scheduler.chance(UNPAID_SHARE)) return;
  if (faults.hits('difference_late')) await scheduler.sleep(Math.max(0, change.pay_expire_ms! - scheduler.now_ms() + (scheduler.random.unit() * 2 - 1) * LATEST_MS + scheduler.pick([0, 0, 60_000])));
  else await scheduler.sleep(scheduler.random.unit() * 5000);
  await person.payAtGateway(change.payment_id);
  if (faults.hits('change_given_up')) void giveUp(person, String(change.order_id), scheduler.random.unit() * 2000);
}

/** In another window, where one sees all changes of the order. */
async function giveUp(person: Person, order_id: string, wait_ms: number): Promise<void> {
  await person.world.scheduler.sleep(wait_ms);
  await person.insist(() => person.aftersales('cancelChange', async ({ changes }) => {
    const change = (await changes.store.ofOrder(BigInt(order_id))).findLast(({ finish_ms }) => finish_ms === undefined);
    return change === undefined ? fail('CHANGE_NOT_FOUND') : cancelChange(changes, change, person.audited);
  }));
  await payWhatIsOpen(person, order_id);
}

/** On a page that was left open: for a change that is given up, if it can still be paid. */
async function payWhatIsOpen({ world: { scheduler, gateway, payment_db } }: Person, order_id: string): Promise<void> {
  await scheduler.sleep(scheduler.random.unit() * PAGE_OPEN_MS);
  for (const { payment_id, kind, order_id: of } of payment_db.payments.values()) if (kind === 'CHANGE_DIFFERENCE' && String(of) === order_id) gateway.pay(String(payment_id));
}

async function seen(person: Person, change_id: bigint, until: (change: Change) => boolean): Promise<Change | undefined> {
  for (let poll = 0; poll < POLLS_MAX; poll += 1) {
    const found = await person.aftersales('getChange', async ({ changes }) => ok(await changes.store.find(change_id)));
    if (found.ok && found.value !== undefined && until(found.value)) return found.value;
    await person.world.scheduler.sleep(500 + poll * 500);
  }
  return undefined;
}
