// What a person does who does not find the right train at once: filters, sorts, another kind of journey, a name typed wrongly.
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';

type Look = (name: string) => Promise<void>;

/** In the small network of a test stack no train goes all the way between these two, every day. */
const [FAR_FROM, FAR_TO] = ['广州', '合肥'];

/** Filters hide trains and can be undone; each order puts its own train first. */
export async function narrowDown(t: ExecutionContext, page: Page, wish: { from: string; to: string; date: string }, look: Look): Promise<void> {
  await page.goto(`/trains?${addressOf(wish)}`);
  const trains = page.getByTestId('train');
  await trains.first().waitFor();
  const all = await trains.count();
  const more = page.getByTestId('filters');
  if (await more.isVisible()) await more.click();
  // Each six hours of departure hold some of the trains, and together all of them.
  let held = 0;
  for (const window of [0, 1, 2, 3]) {
    const chip = page.locator('.filters__group').nth(1).locator('label').nth(window);
    await chip.click();
    held += await trains.count();
    if (window === 1) await look('results_filtered');
    await chip.click();
  }
  t.is(held, all, 'every train leaves in one of the windows');
  await page.getByTestId('sort').selectOption('duration');
  const minutes = (await page.locator('.train__duration').allInnerTexts()).map(minutesOf);
  t.deepEqual(minutes, minutes.toSorted((a, b) => a - b));
}

/** Students are told where and when they pay less; nothing is marked as cheaper that is not. */
export async function lookAsStudent(t: ExecutionContext, page: Page, wish: { from: string; to: string; date: string }, look: Look): Promise<void> {
  await page.goto(`/trains?${addressOf(wish)}&student=1`);
  await page.getByTestId('train').first().waitFor();
  const is_cheaper = (await page.getByTestId('student-note').getAttribute('data-cheaper')) === 'true';
  t.is((await page.getByTestId('student-fare').count()) > 0, is_cheaper);
  await look('results_student');
}

/** No train goes all the way, so the page offers journeys with a change; each leg leads to its own order. */
export async function changeTrains(t: ExecutionContext, page: Page, date: string, look: Look): Promise<void> {
  await page.goto(`/trains?${addressOf({ from: `~${FAR_FROM}`, to: `~${FAR_TO}`, date })}`);
  await page.getByTestId('see-transfers').click();
  const transfers = page.getByTestId('transfer');
  await transfers.first().waitFor();
  t.is(await transfers.first().getByTestId('leg').count(), 2);
  t.regex(await transfers.first().getByTestId('change-of-train').innerText(), /换/);
  await look('transfers');
  await page.getByTestId('sort').selectOption('price');
  await transfers.first().waitFor();
  await page.getByTestId('language').click();
  await page.getByText(/Change (at|of station)/).first().waitFor();
  await look('transfers_en');
  await page.getByTestId('language').click();
  const leg = transfers.first().getByTestId('leg').nth(1);
  const train_no = await leg.getAttribute('data-train');
  await leg.locator('[data-testid="class"]').first().click();
  await page.waitForURL(/\/(book|login)/);
  t.true(decodeURIComponent(page.url()).includes(train_no!), 'the second leg is booked by itself');
}

/** An address with a name that is spelt wrongly shows what may have been meant. */
export async function meanAnotherPlace(t: ExecutionContext, page: Page, date: string, look: Look): Promise<void> {
  await page.goto(`/trains?${addressOf({ from: 'guagnzhou', to: FAR_TO, date })}`);
  await page.locator('[data-testid="error"][data-reason="STATION_UNKNOWN"]').waitFor();
  await look('results_candidates');
  await page.getByTestId('candidate').first().click();
  await page.getByTestId('train').or(page.getByTestId('see-transfers')).first().waitFor();
  t.regex(decodeURIComponent(page.url()), /from=\w*~?广州/);
}

/** Suggestions come as one types, by pinyin, initials and with a mistake. */
export async function typeAPlace(t: ExecutionContext, page: Page, look: Look): Promise<void> {
  await page.goto('/');
  for (const [typed, meant] of [['wuhan', '武汉'], ['cs', '长沙'], ['nanjnig', '南京'], ['Guangzhou', '广州'], ['武汗', '武汉']] as const) {
    await page.getByTestId('from').fill(typed);
    await page.getByTestId('from-option').filter({ hasText: meant }).first().waitFor();
    t.pass(`${typed} finds ${meant}`);
  }
  await look('suggestions');
}

function addressOf(wish: { from: string; to: string; date: string }): string {
  return new URLSearchParams(wish).toString();
}

function minutesOf(duration: string): number {
  const [, hours = '0', minutes = '0'] = /(?:(\d+)时)?(\d+)分/.exec(duration) ?? [];
  return Number(hours) * 60 + Number(minutes);
}
