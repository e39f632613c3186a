/** What somebody does who wants another train than the one bought. */
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { checkDigit } from '#kit/base/id_number.ts';
import { runSql } from '../../scripts/stack/sql.ts';
import type { TestStack } from '../support/edge_stack.ts';

type Look = (name: string) => Promise<void>;
type Wish = { from: string; to: string; date: string };
export type PlaceClass = 'first' | 'second';

const CLASSES = { first: 2, second: 3 } as const;
/** In the small network of a test stack trains between the usual two places go on to here. */
const FAR = '广州';

/** A child to travel with the adult who is there already. */
export async function addChild(page: Page): Promise<void> {
  const verified = page.locator('[data-testid="verify-state"][data-state="verified"]');
  const before = await verified.count();
  await page.getByTestId('add-passenger').click();
  await page.getByTestId('passenger-name').fill('王小途');
  const first_17 = `1101012018031${String(Math.floor(Math.random() * 10_000)).padStart(4, '0')}`;
  await page.getByTestId('id-number').fill(first_17 + checkDigit(first_17));
  await page.locator('label.chip', { has: page.getByTestId('passenger-type-2') }).click();
  await page.getByTestId('save-passenger').click();
  await verified.nth(before).waitFor();
}

/** Everybody on the list, in a class of the first train that has it; ends where one pays. */
export async function bookAll(page: Page, wish: Wish, seat_class: PlaceClass): Promise<void> {
  await page.goto(`/trains?${new URLSearchParams(wish).toString()}`);
  await chooseClass(page, seat_class, 0);
  const passengers = page.getByTestId('choose-passenger');
  await passengers.first().waitFor();
  for (const passenger of await passengers.all()) await passenger.check();
  await page.getByTestId('submit-order').click();
  await page.getByTestId('pay').waitFor();
}

/** The last adult can't give a ticket back and leave the child: the page says so and offers both. Nothing is given back here. */
export async function refundNeedsTheChild(t: ExecutionContext, page: Page, look: Look): Promise<void> {
  await page.getByTestId('refund').click();
  await page.getByTestId('refund-item').nth(0).check();
  await page.getByTestId('quote-refund').click();
  await page.locator('[data-testid="error"][data-reason="CHILD_LEFT_ALONE"]').waitFor();
  await look('refund_child');
  await page.getByTestId('refund-children').click();
  await page.getByTestId('quote').waitFor();
  t.is(await page.locator('[data-testid="quote"] tbody tr').count(), 2, 'the child’s ticket is in the quote');
  t.true(await page.getByTestId('refund-item').nth(1).isChecked());
  await page.keyboard.press('Escape');
}

/** From the order's page to the price of the same tickets in a class of another train; every step survives a reload. */
export async function planChange(t: ExecutionContext, page: Page, seat_class: PlaceClass, look: Look): Promise<void> {
  await page.getByTestId('change').click();
  await page.getByTestId('change-item').first().waitFor();
  const family = (await page.getByTestId('change-item').count()) > 1;
  if (family) {
    await page.getByTestId('change-item').nth(0).check();
    await page.getByTestId('companions-missing').waitFor();
    t.true(await page.getByTestId('to-ride').isDisabled(), 'nobody leaves a child behind');
    await look('change_tickets');
    await page.getByTestId('with-others').click();
    await page.reload();
    await page.getByTestId('change-item').nth(1).waitFor();
    t.true(await page.getByTestId('change-item').nth(1).isChecked(), 'a reload loses no choice');
  }
  await page.getByTestId('to-ride').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('train').first().waitFor();
  t.is(await page.locator(':focus').getAttribute('data-testid'), 'change-title', 'readers of the screen hear the new step');
  await look('change_ride');
  await page.reload();
  await chooseClass(page, seat_class, 1);
  await page.getByTestId('change-quote').waitFor();
  await look('change_quote');
}

/** Too late for another destination: the page says by which rule, and leads back to where another train is chosen. */
export async function refusedDestination(page: Page, seat_class: PlaceClass, look: Look): Promise<void> {
  await page.locator('[data-testid="change-steps"] a').nth(1).click();
  const to = page.getByTestId('change-to');
  const own = await to.inputValue();
  await goTo(page, FAR);
  await chooseClass(page, seat_class, 0);
  await page.getByTestId('change-refused-rule').filter({ hasText: '48 小时' }).waitFor();
  await look('change_refused');
  await page.locator('[data-testid="change-way-on"][data-go="ride"]').click();
  await goTo(page, own);
  await chooseClass(page, seat_class, 1);
  await page.getByTestId('change-quote').waitFor();
}

/** Accepted, looked at from the order's page, and given up: the old tickets are as good as before. */
export async function giveUp(t: ExecutionContext, page: Page, look: Look): Promise<void> {
  await page.getByTestId('confirm-change').click();
  await stage(page, 'await_pay').waitFor();
  t.true(await page.getByTestId('countdown').isVisible());
  await look('change_pay');
  await page.getByTestId('back-to-order').click();
  await page.locator('[data-testid="change-line"][data-stage="await_pay"]').waitFor();
  await look('order_changing');
  await page.getByTestId('see-change').click();
  await page.getByTestId('give-up-change').click();
  await page.getByTestId('confirm').click();
  await page.locator('[data-testid="change-given-up"][data-because="cancelled"]').waitFor();
  await page.getByTestId('change-again').waitFor();
  await look('change_given_up');
  await page.getByTestId('back-to-order').click();
  await page.locator('[data-testid="change-line"][data-stage="cancelled"]').waitFor();
  await page.locator('[data-testid="ticket"][data-state="valid"]').first().waitFor();
  t.is(await page.locator('[data-testid="ticket"][data-state="void"]').count(), 0);
}

/** Pays the difference; the cashier sends people back to the change, which ends by itself. */
export async function payDifference(t: ExecutionContext, page: Page, look: Look): Promise<void> {
  await page.getByTestId('confirm-change').click();
  await page.getByTestId('pay-difference').click();
  await page.getByTestId('cashier-pay').click();
  const leave = page.getByTestId('cashier-leave');
  await page.getByTestId('change-state').or(leave).first().waitFor();
  if (await leave.isVisible()) await leave.click();
  await stage(page, 'done').waitFor();
  await page.locator('[data-testid="new-tickets"] [data-testid="ticket"][data-state="valid"]').nth(1).waitFor();
  await page.getByTestId('old-tickets').locator('summary').click();
  t.is(await page.locator('[data-testid="old-tickets"] [data-testid="ticket"][data-state="void"]').count(), 2);
  await look('change_done');
  await page.getByTestId('back-to-order').click();
  await page.locator('[data-testid="change-line"][data-stage="done"]').waitFor();
  t.is(await page.getByTestId('changed').count(), 2, 'both tickets are marked as changed');
  await look('order_changed');
}

/** A ticket is changed once: the page says so before anybody has searched. */
export async function onlyOnce(page: Page, look: Look): Promise<void> {
  await page.getByTestId('change').click();
  await page.locator('[data-testid="change-ticket"][data-obstacle="changed"]').nth(1).waitFor();
  await page.getByTestId('nothing-to-change').waitFor();
  await look('change_once');
}

/** Figures that are not true any more wait for a second yes: nothing is changed by the first. */
export async function staleQuote(t: ExecutionContext, { env }: TestStack, page: Page, look: Look): Promise<void> {
  const order_id = orderOf(page);
  await runSql(env.MYSQL_ADMIN_URL!, [`UPDATE chunyun_order.order_item SET version = version + 1 WHERE order_id = ${order_id}`]);
  await page.getByTestId('confirm-change').click();
  await page.getByTestId('quote-stale').waitFor();
  await page.getByTestId('confirm-change').waitFor();
  t.is(await changesOf(env, order_id), 0);
  await look('change_stale');
}

/** The answer to the second yes is lost and the page is loaded anew: it is the same change. */
export async function loseTheAnswer(t: ExecutionContext, { env }: TestStack, page: Page, look: Look): Promise<void> {
  const order_id = orderOf(page);
  const { promise: lost, resolve } = Promise.withResolvers<void>();
  const call = /ChangeService\/CreateChange/;
  await page.route(call, async (route) => {
    await route.fetch().catch(() => undefined);
    await route.abort().catch(() => undefined);
    resolve();
  });
  await page.getByTestId('confirm-change').click();
  await page.getByTestId('change-sending').waitFor();
  await lost;
  await look('change_sending');
  await page.unroute(call);
  await page.reload();
  await stage(page, 'done').waitFor();
  t.is(await changesOf(env, order_id), 1, 'one change, however often it was asked for');
  await page.getByTestId('change-money-back').waitFor();
  await page.locator('[data-testid="new-tickets"] [data-testid="ticket"][data-state="valid"]').waitFor();
  await look('change_money_back');
}

/** Trains to another place, in place of those that are shown. */
async function goTo(page: Page, name: string): Promise<void> {
  await page.getByTestId('change-to').fill(name);
  await page.getByTestId('change-to-option').first().click();
  await page.getByTestId('train').filter({ hasText: name }).first().waitFor();
}

async function chooseClass(page: Page, seat_class: PlaceClass, nth: number): Promise<void> {
  await page.locator(`[data-testid="class"][data-class="${CLASSES[seat_class]}"]:not([data-remaining="0"])`).nth(nth).click();
}

function stage(page: Page, name: string) {
  return page.locator(`[data-testid="change-state"][data-stage="${name}"]`);
}

function orderOf(page: Page): string {
  return /\/orders\/(\d+)/.exec(page.url())![1]!;
}

async function changesOf(env: Readonly<Record<string, string>>, order_id: string): Promise<number> {
  const [rows] = await runSql(env.MYSQL_ADMIN_URL!, [`SELECT COUNT(*) AS made FROM chunyun_aftersales.ticket_change WHERE order_id = ${order_id}`]);
  return Number(rows![0]!.made);
}
