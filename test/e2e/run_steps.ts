/** What somebody with a ticket sees of a train that the railway changes. */
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { runSql } from '../../scripts/stack/sql.ts';
import { dispatch, laterStops, seeRun } from '../support/dispatcher.ts';
import type { TestStack } from '../support/edge_stack.ts';

const LATER_S = 1800;

/** On the page of an order with its ticket; the order is the newest of all. */
export async function changeTheTrain(t: ExecutionContext, { env }: TestStack, page: Page, look: (name: string) => Promise<void>): Promise<void> {
  const order_page = page.url();
  const [rows] = await runSql(env.MYSQL_ADMIN_URL!, ['SELECT run_id FROM chunyun_order.orders ORDER BY order_id DESC LIMIT 1']);
  const run_id = String(rows![0]!.run_id);
  const was = (await page.locator('.ticket__facts b').first().textContent()) ?? '';
  const run = await seeRun(env, run_id);
  const stops = laterStops(run, LATER_S);
  await dispatch(env, { run_id, stops, reason_zh: '大雾限速', reason_en: 'slow because of fog' });
  await seen(page, '时刻变更');
  await page.goto(order_page);
  const notice = page.getByTestId('run-notice');
  await notice.waitFor();
  t.regex((await notice.textContent()) ?? '', /新时刻.*大雾限速/);
  t.is(await page.getByTestId('journey-was').count(), 2);
  await page.locator('.ticket__facts del').waitFor();
  t.not(await page.locator('.ticket__facts b').first().textContent(), was);
  await look('train_moved');
  await page.goto('/orders');
  await page.getByTestId('journey-was').first().waitFor();
  await look('orders_moved');

  await dispatch(env, { run_id, stops, cancelled: true, reason_zh: '线路水害', reason_en: 'flooded line' });
  await seen(page, '停运');
  await page.goto(order_page);
  await page.getByTestId('order-state').waitFor();
  // As long as the ticket is not refunded, and afterwards.
  await page.getByText('停运').first().waitFor();
  await look('train_cancelled');
  // Nobody has asked for it, and the page that is open shows it all the same.
  const refund = page.getByTestId('refund-progress');
  await refund.filter({ hasText: '列车停运，由铁路部门全额退款' }).waitFor();
  await page.locator('[data-testid="refund-progress"][data-stage="done"]').waitFor();
  t.is(await refund.locator('.quote__total strong').textContent(), await page.locator('.facts__amount').textContent(), 'the whole fare comes back');
  await look('train_refunded');
  // Others find the train as it was.
  await dispatch(env, { run_id });
}

/** Waits for a message whose title says so. */
async function seen(page: Page, title: string): Promise<void> {
  for (await page.goto('/messages'); !(await page.getByText(title).first().waitFor({ timeout: 3_000 }).then(() => true, () => false)); ) await page.reload();
}
