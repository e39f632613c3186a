/** What somebody does who has a ticket and would rather have a class that is sold out. */
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import type { TestStack } from '../support/edge_stack.ts';
import type { SeatedRun } from './seat_steps.ts';
import { loseFirstAnswer, sellOutOther, untilKnown } from './standby_steps.ts';

type Look = (name: string) => Promise<void>;

/** From the page of an order with a ticket: a class of its train that is dearer, or not, is waited for, and the ticket moves there. */
export async function waitWithTicket(t: ExecutionContext, stack: TestStack, page: Page, held: SeatedRun, dearer: boolean, look: Look): Promise<void> {
  const order_page = page.url();
  const wanted = await sellOutOther(stack, held);
  await chooseSoldOut(page, wanted, look);
  const form = await fillIn(t, page, look);
  t.regex(await page.getByTestId('upgrade-difference').innerText(), dearer ? /需补差额/ : /退回差额/);
  if (dearer) await acceptMore(page, look);
  await sendOnce(t, page);
  await page.locator('[data-testid="standby-upgrade"]').waitFor();
  await look('upgrade_waiting');

  await page.goto(form);
  await page.getByTestId('upgrade-open').waitFor();
  await look('upgrade_open');
  await page.getByTestId('see-open-upgrade').click();
  await page.getByTestId('standby-state').waitFor();
  await page.goto(order_page);
  await page.locator('[data-testid="open-upgrade"][data-state="pending"]').waitFor();
  t.is(await page.getByTestId('open-upgrade').count(), 1, 'a double click, a lost answer and a reload have made one');
  t.is(await page.locator('[data-testid="ticket"][data-state="valid"]').count(), 1, 'the ticket is as it was');
  await look('order_upgrade');
  await inEnglish(page, () => look('order_upgrade_en'));

  await untilKnown(stack, wanted);
  await wanted.giveBack();
  // The page that is open follows by itself.
  if (dearer) await payDue(page, order_page, look);
  await page.locator('[data-testid="change-line"][data-stage="done"]').waitFor();
  await page.getByTestId('changed').waitFor();
  await page.getByTestId('open-upgrade').waitFor({ state: 'detached' });
  await page.getByTestId('see-change').click();
  await page.locator('[data-testid="new-tickets"] [data-testid="ticket"][data-state="valid"]').waitFor();
  t.is(await page.getByTestId('change-money-back').count(), dearer ? 0 : 1);
  await look('upgrade_done');
}

/** Nothing on top is less than it costs: the page says by how much, and takes it as the limit. */
async function acceptMore(page: Page, look: Look): Promise<void> {
  await page.getByTestId('submit-standby').click();
  await page.locator('[data-testid="error"][data-reason="CHANGE_ABOVE_LIMIT"]').waitFor();
  await look('upgrade_above');
  await page.getByTestId('upgrade-raise').click();
}

/** The order says that a difference is due; the cashier sends people back to the change. */
async function payDue(page: Page, order_page: string, look: Look): Promise<void> {
  await page.locator('[data-testid="open-upgrade"][data-state="await_pay"]').waitFor();
  await page.locator('[data-testid="change-line"][data-stage="await_pay"]').waitFor();
  await look('order_upgrade_pay');
  await page.getByTestId('see-change').click();
  await page.getByTestId('pay-difference').click();
  await page.getByTestId('cashier-pay').click();
  const leave = page.getByTestId('cashier-leave');
  await page.getByTestId('change-state').or(leave).first().waitFor();
  if (await leave.isVisible()) await leave.click();
  await page.locator('[data-testid="change-state"][data-stage="done"]').waitFor();
  await page.goto(order_page);
}

/** In the list of trains of the change, by keyboard. */
async function chooseSoldOut(page: Page, { train_no, seat_class }: SeatedRun, look: Look): Promise<void> {
  await page.getByTestId('change').click();
  await page.getByTestId('to-ride').click();
  const cell = page.locator(`[data-testid="train"][data-train="${train_no}"] [data-testid="class-standby"][data-class="${seat_class}"]`);
  await cell.waitFor();
  await look('upgrade_ride');
  await cell.focus();
  await page.keyboard.press('Enter');
}

/** The tickets say who travels; the price is shown, and no amount is accepted that is none. */
async function fillIn(t: ExecutionContext, page: Page, look: Look): Promise<string> {
  await page.getByTestId('odds').waitFor();
  await page.getByTestId('upgrade-tickets').waitFor();
  t.is(await page.getByTestId('choose-passenger').count(), 0, 'nobody else can be chosen');
  await page.getByTestId('upgrade-difference').waitFor();
  const limit = page.getByTestId('upgrade-limit');
  await limit.fill('some');
  await page.getByTestId('submit-standby').click();
  await page.getByTestId('standby-problem').filter({ hasText: /./ }).waitFor();
  await limit.fill('0');
  await page.reload();
  await page.getByTestId('odds').waitFor();
  await limit.waitFor();
  t.is(await limit.inputValue(), '0', 'a reload loses nothing');
  await page.getByTestId('upgrade-difference').waitFor();
  await look('upgrade_form');
  await inEnglish(page, () => look('upgrade_form_en'));
  return page.url();
}

/** Clicked twice, answered into the void, loaded anew: one request. */
async function sendOnce(t: ExecutionContext, page: Page): Promise<void> {
  const asked = await loseFirstAnswer(page);
  await page.getByTestId('submit-standby').dblclick();
  await page.getByTestId('standby-submitting').getByTestId('error').waitFor();
  await page.reload();
  await page.getByTestId('standby-state').waitFor();
  t.true(asked.length >= 2);
  t.is(new Set(asked).size, 1, 'what is sent again is the same request');
}

async function inEnglish(page: Page, work: () => Promise<void>): Promise<void> {
  await page.getByTestId('language').click();
  await page.locator('html[lang="en"]').waitFor();
  await work();
  await page.getByTestId('language').click();
  await page.locator('html[lang^="zh"]').waitFor();
}
