// The browser client against a stack of its own, or against the running one that CHUNYUN_WEB_URL names. One person per
// screen size goes from nothing to a refunded ticket; every page on the way is judged by axe in light and dark and leaves a
// screenshot. The limits of the edge are on: the page has to live with them as travellers do.
import { AxeBuilder } from '@axe-core/playwright';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { checkDigit } from '#kit/base/id_number.ts';
import { addDays } from '#kit/base/time.ts';
import { say, Told } from '../../scripts/say.ts';
import { ensureTools } from '../../scripts/tools/index.ts';
import { startTestStack } from '../support/edge_stack.ts';
import type { TestStack } from '../support/edge_stack.ts';
import { addChild, bookAll, giveUp, loseTheAnswer, onlyOnce, payDifference, planChange, refundNeedsTheChild, refusedDestination, staleQuote } from './change_steps.ts';
import { changeTheTrain } from './run_steps.ts';
import { changeTrains, lookAsStudent, meanAnotherPlace, narrowDown, typeAPlace } from './search_steps.ts';
import { leaveOnlyChanges, lockForSomebodyElse } from './seat_steps.ts';
import { joinStandby, seePlace, sellOut, untilKnown } from './standby_steps.ts';
import { waitWithTicket } from './upgrade_steps.ts';

const WEB_URL = process.env['CHUNYUN_WEB_URL'];
const CHROMIUM = process.env['CHUNYUN_CHROMIUM'] ?? (await installedBrowser());
/** In the small network of a test stack the line between these two has high-speed trains every day. */
const [FROM, TO] = [process.env['CHUNYUN_WEB_FROM'] ?? '武汉', process.env['CHUNYUN_WEB_TO'] ?? '长沙'];
/** The tests travel tomorrow: today's trains may have left when they run in the evening. */
const SALE_DAYS = 2;
const SCREENSHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url));
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const SCREENS = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };
/** Against an endless wait only; nothing here measures speed. */
const PATIENCE_MS = 60_000;

const tested = CHROMIUM === undefined ? test.skip : test.serial;
let browser: Browser | undefined;
let stack: TestStack | undefined;

test.before(async (t) => {
  t.timeout(10 * PATIENCE_MS);
  if (CHROMIUM === undefined) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  if (WEB_URL === undefined) stack = await startTestStack({ web: true, sale_days: SALE_DAYS });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
});

test.after.always(async () => {
  await browser?.close();
  await stack?.stop();
});

for (const [screen, viewport] of Object.entries(SCREENS)) {
  tested(`${screen}: register, add a passenger, search, book, wait, pay, ticket with QR, refund`, async (t) => {
    t.timeout(10 * PATIENCE_MS);
    const page = await openPage(viewport);
    const look = looker(t, page, screen);
    await page.goto('/');
    await look('search');
    await register(page, look);
    await addPassenger(page, look);
    await search(page, look);
    await book(page, look);
    await pay(page, look);
    await page.getByTestId('qr').first().waitFor();
    t.regex((await page.getByTestId('ticket-person').first().textContent()) ?? '', /\*/, 'name and number are masked on the ticket');
    await look('ticket');
    await restOfThePages(page, look);
    await refund(page, look);
    await logOut(page);
    await page.context().close();
  });
}

for (const [screen, viewport] of Object.entries(SCREENS)) {
  tested(`${screen}: the seats chosen on the map are locked, can be given back, and are the ones that are bought`, async (t) => {
    t.timeout(10 * PATIENCE_MS);
    const page = await openPage(viewport);
    const look = looker(t, page, screen);
    await page.goto('/');
    await register(page);
    await addPassenger(page);
    await search(page);
    await page.locator('[data-testid="class"]:not([data-remaining="0"])').first().click();
    await choosePassenger(page);
    await page.getByTestId('open-seat-map').click();
    await page.getByTestId('coach').waitFor();
    const taken_first = await chooseByKeyboard(page);
    await look('seat_map');
    if (stack !== undefined) {
      await lockForSomebodyElse(stack, rideOf(page), taken_first);
      await page.getByTestId('lock-seats').click();
      await page.getByTestId('seats-lost').waitFor();
      await look('seat_map_lost');
    } else {
      await seatOf(page, taken_first).click();
    }
    const first = await choose(page);
    await page.getByTestId('lock-seats').click();
    await page.getByTestId('locked-seats').waitFor();
    await look('seats_locked');
    await page.getByTestId('change-seats').click();
    await page.getByTestId('open-seat-map').click();
    await seatOf(page, first, 'free').waitFor();
    const left = await choose(page);
    await page.getByTestId('lock-seats').click();
    await page.getByTestId('locked-seats').waitFor();
    // Whoever goes away gives the seats back, too.
    await page.getByTestId('nav-home').click();
    await page.getByTestId('search').waitFor();
    await page.goBack();
    await choosePassenger(page);
    await page.getByTestId('open-seat-map').click();
    await seatOf(page, left, 'free').click();
    await page.getByTestId('lock-seats').click();
    await page.getByTestId('locked-seats').waitFor();
    await letAMinutePass(page);
    await page.getByTestId('lock-expired').waitFor();
    await page.getByTestId('open-seat-map').click();
    const bought = await choose(page);
    await page.getByTestId('lock-seats').click();
    await page.getByTestId('locked-seats').waitFor();
    t.regex(await page.getByTestId('lock-left').innerText(), /0[01]:\d\d/);
    await page.getByTestId('submit-order').click();
    await page.getByTestId('pay').or(page.getByTestId('queue-over')).waitFor();
    t.deepEqual(await page.getByTestId('queue-over').allInnerTexts(), [], 'the lock is the buyer’s own');
    const [coach_no, seat_no] = bought.split('/') as [string, string];
    t.regex((await page.getByTestId('item').textContent()) ?? '', new RegExp(`${coach_no}车.*${seat_no}`));
    await page.context().close();
  });

  tested(`${screen}: where no seat goes through, two on one train do, and the ticket says which is whose`, async (t) => {
    t.timeout(10 * PATIENCE_MS);
    if (stack === undefined) return t.pass('only a stack of our own can be emptied of seats');
    const page = await openPage(viewport);
    const look = looker(t, page, screen);
    await page.goto('/');
    await register(page);
    await addPassenger(page);
    const run = await leaveOnlyChanges(stack);
    const address = new URLSearchParams({ from: `${run.from.station_id}~${run.from.name}`, to: `${run.to.station_id}~${run.to.name}`, date: run.date });
    await page.goto(`/trains?${address.toString()}`);
    const train = page.locator(`[data-testid="train"][data-train="${run.train_no}"]`);
    const offer = train.locator(`[data-testid="class-change"][data-class="${run.seat_class}"]`);
    await offer.waitFor();
    t.true((await offer.innerText()).includes(run.between.name), 'it says where one would change');
    await look('results_change');
    await offer.click();
    await choosePassenger(page);
    t.true(await page.getByTestId('accept-change').isChecked());
    await look('booking_change');
    await page.getByTestId('submit-order').click();
    await page.getByTestId('pay').waitFor();
    await page.locator('[data-testid="item"] [data-testid="seat-parts"] small').first().waitFor();
    const parts = await page.locator('[data-testid="item"] [data-testid="seat-parts"] li').allInnerTexts();
    t.is(parts.length, 2);
    t.regex(parts[0]!, new RegExp(`${run.from.name} 至 ${run.between.name}`));
    t.regex(parts[1]!, new RegExp(`${run.between.name} 至 ${run.to.name}`));
    await look('pay_change');
    await pay(page);
    await page.getByTestId('ticket').waitFor();
    t.is(await page.locator('[data-testid="ticket"] [data-testid="seat-parts"] li').count(), 2);
    await look('ticket_change');
    await page.context().close();
  });
}

for (const [screen, viewport] of Object.entries(SCREENS)) {
  tested(`${screen}: suggestions, filters, orders, student fares, a change of train and a name that is no place`, async (t) => {
    t.timeout(10 * PATIENCE_MS);
    if (stack === undefined) return t.pass('only the network of a stack of our own is known');
    const page = await openPage(viewport);
    const look = looker(t, page, screen);
    const date = addDays(stack.today, 1);
    const wish = { from: `~${FROM}`, to: `~${TO}`, date };
    await typeAPlace(t, page, look);
    await narrowDown(t, page, wish, look);
    await lookAsStudent(t, page, wish, look);
    await changeTrains(t, page, date, look);
    await meanAnotherPlace(t, page, date, look);
    await page.context().close();
  });
}

for (const [screen, viewport] of Object.entries(SCREENS)) {
  tested(`${screen}: a train that is moved, and then cancelled, says so on the order, the ticket and in the messages`, async (t) => {
    t.timeout(10 * PATIENCE_MS);
    if (stack === undefined) return t.pass('only the railway of a stack of our own can be told to change a train');
    const page = await openPage(viewport);
    await page.goto('/');
    await register(page);
    await addPassenger(page);
    await search(page);
    await book(page, NO_LOOK);
    await pay(page);
    await page.getByTestId('ticket').waitFor();
    await changeTheTrain(t, stack, page, looker(t, page, screen));
    await page.context().close();
  });
}

tested('phone: an adult with a child changes to a dearer class: given up once, then paid for, and never twice', async (t) => {
  t.timeout(10 * PATIENCE_MS);
  if (stack === undefined) return t.pass('only the network of a stack of our own is known');
  const page = await openPage(SCREENS.phone);
  const look = looker(t, page, 'phone');
  await page.goto('/');
  await register(page);
  await addPassenger(page);
  await addChild(page);
  await bookAll(page, { from: `~${FROM}`, to: `~${TO}`, date: addDays(stack.today, 1) }, 'second');
  await pay(page);
  await page.getByTestId('ticket').nth(1).waitFor();
  await refundNeedsTheChild(t, page, look);
  await planChange(t, page, 'first', look);
  t.is(await page.getByTestId('change-due').getAttribute('data-way'), 'pay');
  await giveUp(t, page, look);
  await planChange(t, page, 'first', NO_LOOK);
  await payDifference(t, page, look);
  await onlyOnce(page, look);
  await page.context().close();
});

tested('desktop: a change to a cheaper class: a stale quote is confirmed anew, a lost answer makes no second change, money comes back', async (t) => {
  t.timeout(10 * PATIENCE_MS);
  if (stack === undefined) return t.pass('only the orders of a stack of our own can be moved on');
  const page = await openPage(SCREENS.desktop);
  const look = looker(t, page, 'desktop');
  await page.goto('/');
  await register(page);
  await addPassenger(page);
  await bookAll(page, { from: `~${FROM}`, to: `~${TO}`, date: addDays(stack.today, 1) }, 'first');
  await pay(page);
  await page.getByTestId('ticket').waitFor();
  await planChange(t, page, 'second', look);
  t.is(await page.getByTestId('change-due').getAttribute('data-way'), 'back');
  await refusedDestination(page, 'second', look);
  await staleQuote(t, stack, page, look);
  await loseTheAnswer(t, stack, page, look);
  await page.context().close();
});

for (const [screen, viewport] of Object.entries(SCREENS)) {
  tested(`${screen}: sold out, so one joins standby, sees place and odds, a seat that somebody gives back is paid and ticketed, and the ticket waits for another class`, async (t) => {
    t.timeout(10 * PATIENCE_MS);
    if (stack === undefined) return t.pass('only a stack of our own can be sold out');
    const page = await openPage(viewport);
    const look = looker(t, page, screen);
    await page.goto('/');
    await register(page);
    await addPassenger(page);
    // On the one screen the ticket then moves to a dearer class, on the other to a cheaper one.
    const run = await sellOut(stack, screen === 'desktop' ? 'next' : 'dearest');
    await joinStandby(t, page, run, choosePassenger, look);
    const standby_page = await seePlace(t, page, look);
    await untilKnown(stack, run);
    await run.giveBack();
    await page.locator('[data-testid="standby-state"][data-state="await_pay"]').waitFor();
    await page.getByTestId('countdown').waitFor();
    t.regex(await page.getByTestId('matched').innerText(), new RegExp(run.train_no));
    await look('standby_locked');
    await page.getByTestId('standby-pay').click();
    await page.getByTestId('pay').waitFor();
    await pay(page);
    await page.getByTestId('ticket').waitFor();
    await page.goto(standby_page);
    await page.locator('[data-testid="standby-state"][data-state="success"]').waitFor();
    await page.getByTestId('standby-order').waitFor();
    await look('standby_success');
    await page.getByTestId('standby-order').click();
    await page.getByTestId('ticket').waitFor();
    await waitWithTicket(t, stack, page, run, screen === 'desktop', look);
    await page.context().close();
  });
}

tested('keyboard alone finds a train', async (t) => {
  const page = await openPage(SCREENS.desktop);
  await page.goto('/');
  for (const [field, name] of [['from', FROM], ['to', TO]] as const) {
    await page.getByTestId(field).focus();
    await page.keyboard.type(name);
    await page.getByTestId(`${field}-option`).first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    t.is(await page.getByTestId(field).inputValue(), name);
  }
  await page.getByTestId('search').focus();
  await page.keyboard.press('Enter');
  await page.getByTestId('train').first().waitFor();
  t.regex(page.url(), /\/trains\?/);
  await page.context().close();
});

tested('an unknown address, a protected one and English', async (t) => {
  const page = await openPage(SCREENS.desktop);
  const look = looker(t, page, 'desktop');
  await page.goto('/no/such/page');
  await page.getByTestId('not-found').waitFor();
  await look('not_found');
  await page.goto('/orders');
  await page.getByTestId('log-in').waitFor();
  t.regex(page.url(), /\/login\?next=%2Forders$/);
  await page.getByTestId('language').click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  t.is(await page.locator('html').getAttribute('lang'), 'en');
  await page.context().close();
});

/** The last of all: it leaves the limits of the stack stricter. */
tested('a sale opening says on every page why queues are slower, in both languages', async (t) => {
  t.timeout(10 * PATIENCE_MS);
  if (stack === undefined) return t.pass('only a stack of our own can be told of an opening');
  await stack.setConfig('sale.openings', [{ name: 'e2e', start: new Date(Date.now() - 60_000).toISOString(), lasts_min: 60 }]);
  const page = await openPage(SCREENS.phone);
  const look = looker(t, page, 'phone');
  const banner = page.getByTestId('protection');
  // Risk looks every second; a page that was quicker asks again when it is opened anew.
  for (await page.goto('/'); !(await banner.waitFor({ timeout: 5_000 }).then(() => true, () => false)); ) await page.reload();
  t.regex((await banner.textContent()) ?? '', /起售/);
  await look('protection');
  await page.getByTestId('language').click();
  await page.getByText('Tickets have just gone on sale').waitFor();
  await page.context().close();
});

/** A list that the limits refused is asked for again, as a person would; one that never comes says what the page showed instead. */
async function choosePassenger(page: Page): Promise<void> {
  const passenger = page.getByTestId('choose-passenger').first();
  const again = page.getByTestId('retry').first();
  await passenger.or(again).first().waitFor().catch(async (error: unknown) => {
    throw new Error(`no passenger to choose at ${page.url()}: ${(await page.locator('body').innerText()).slice(0, 500)}`, { cause: error });
  });
  if (!(await passenger.isVisible())) await again.click();
  await passenger.check();
}

/** A machine that can't have a browser skips these tests, and says so. */
async function installedBrowser(): Promise<string | undefined> {
  try {
    return (await ensureTools(['chromium'])).chromium.path;
  } catch (error) {
    if (!(error instanceof Told)) throw error;
    say(`no browser, so its tests are skipped. ${error.message}`, `没有浏览器，相关测试将跳过。${error.message}`);
    return undefined;
  }
}

type Look = (name: string) => Promise<void>;

async function openPage(viewport: { width: number; height: number }): Promise<Page> {
  const context = await browser!.newContext({ baseURL: WEB_URL ?? stack!.page, viewport, locale: 'zh-CN', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', ignoreHTTPSErrors: true });
  context.setDefaultTimeout(PATIENCE_MS);
  return context.newPage();
}

/** A screenshot, and axe's judgement in both colour schemes. */
function looker(t: ExecutionContext, page: Page, screen: string): Look {
  return async (name) => {
    // What is fixed to the window stands in the middle of a picture that is taken further down.
    await page.evaluate(() => scrollTo(0, 0));
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: `${SCREENSHOTS}${screen}_${name}_${colorScheme}.png`, fullPage: true });
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
      t.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`), [], `axe on ${name}, ${colorScheme}`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      t.true(overflow <= 0, `${name} is ${overflow} px wider than the ${screen}`);
    }
  };
}

/** Without looking: another test has. */
const NO_LOOK: Look = async () => {};

async function register(page: Page, look = NO_LOOK): Promise<void> {
  await page.goto('/login');
  await look('login');
  await page.getByTestId('to-register').click();
  await page.getByTestId('register').click();
  await page.locator('[aria-invalid="true"]').first().waitFor();
  await look('register_problems');
  const unique = String(Date.now());
  await page.getByTestId('login-name').fill(`e2e_${unique}`);
  await page.getByTestId('password').fill(`Tuanyuan-${unique.slice(-4)}`);
  await page.getByTestId('password-again').fill(`Tuanyuan-${unique.slice(-4)}`);
  await page.getByTestId('phone').fill(`139${unique.slice(-8)}`);
  await page.getByTestId('register').click();
  await page.getByTestId('nav-account').waitFor();
}

async function addPassenger(page: Page, look = NO_LOOK): Promise<void> {
  await page.getByTestId('nav-passengers').click();
  await page.getByTestId('empty').waitFor();
  await page.getByTestId('add-passenger').click();
  await page.getByTestId('passenger-name').fill('王归途');
  const id_number = someIdNumber();
  await page.getByTestId('id-number').fill(id_number.slice(0, 17) + (id_number.endsWith('0') ? '1' : '0'));
  await page.locator('[data-testid="id-number"][aria-invalid="true"]').waitFor();
  await look('passenger_wrong_digit');
  await page.getByTestId('id-number').fill(id_number);
  await page.getByTestId('save-passenger').click();
  await page.locator('[data-testid="verify-state"][data-state="verified"]').waitFor();
  await look('passengers');
}

async function search(page: Page, look = NO_LOOK): Promise<void> {
  await page.getByTestId('nav-home').click();
  for (const [field, name] of [['from', FROM], ['to', TO]] as const) {
    await page.getByTestId(field).fill(name);
    await page.getByTestId(`${field}-option`).first().click();
  }
  await page.getByTestId('date').click();
  await page.getByTestId('calendar').waitFor();
  await look('calendar');
  await page.locator('[data-testid="calendar"] button[data-date]:enabled').nth(1).click();
  await page.getByTestId('search').click();
  await page.getByTestId('train').first().waitFor();
  await look('results');
  await page.getByTestId('stops').first().click();
  await page.getByTestId('stop-list').waitFor();
  await look('results_stops');
}

async function book(page: Page, look: Look): Promise<void> {
  await page.locator('[data-testid="class"]:not([data-remaining="0"])').first().click();
  await page.getByTestId('submit-order').click();
  await page.getByTestId('booking-problem').filter({ hasText: /./ }).waitFor();
  await choosePassenger(page);
  const seat = page.locator('.seatrow__seat').first();
  if (await seat.isVisible()) await seat.click();
  await look('booking');
  const release = await holdQueue(page);
  await page.getByTestId('submit-order').click();
  await page.getByTestId('queue').waitFor();
  await look('queue');
  await page.reload();
  await page.getByTestId('queue').waitFor();
  // The page promises that the place is kept when it is closed.
  const other = await page.context().newPage();
  await other.goto('/');
  await other.getByTestId('to-queue').click();
  await other.getByTestId('queue').waitFor();
  await other.close();
  await page.context().setOffline(true);
  await page.getByTestId('offline').waitFor();
  release();
  await page.context().setOffline(false);
  await page.getByTestId('pay').waitFor();
}

/** Chooses the first free place of the coach shown; its name as the map has it, `05/12A`. */
async function choose(page: Page): Promise<string> {
  const place = page.locator('[data-testid="place"][data-state="free"]').first();
  const name = (await place.getAttribute('data-seat')) ?? '';
  await place.click();
  await seatOf(page, name, 'chosen').waitFor();
  return name;
}

/** The same without a pointer: one tab stop, arrows, space. */
async function chooseByKeyboard(page: Page): Promise<string> {
  await page.locator('[data-testid="place"][tabindex="0"]').focus();
  await page.keyboard.press('ArrowDown');
  const name = (await page.locator('[data-testid="place"]:focus').getAttribute('data-seat')) ?? '';
  await page.keyboard.press('Space');
  await seatOf(page, name, 'chosen').waitFor();
  return name;
}

function seatOf(page: Page, name: string, state?: 'free' | 'chosen') {
  return page.locator(`[data-testid="place"][data-seat="${name}"]${state === undefined ? '' : `[data-state="${state}"]`}`);
}

/** For the page's clock, which then goes on as before: nobody has to wait for a lock to run out. */
async function letAMinutePass(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const now = Date.now;
    Date.now = () => now() + 61_000;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    Date.now = now;
  });
}

/** The ride a booking page is about, by its address. */
function rideOf(page: Page): { run_id: string; from: string; to: string } {
  const { pathname, searchParams } = new URL(page.url());
  return { run_id: decodeURIComponent(pathname.split('/').at(-1)!), from: searchParams.get('from')!, to: searchParams.get('to')! };
}

/** A queue this short is over before it can be looked at: its news are held back until released. */
async function holdQueue(page: Page): Promise<() => void> {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await page.context().route(/OrderService\/(WatchQueue|GetQueueStatus)/, async (route) => {
    await released;
    // The page may have given up on this call by now.
    await route.continue().catch(() => {});
  });
  return release;
}

async function pay(page: Page, look = NO_LOOK): Promise<void> {
  await look('pay');
  await page.getByTestId('pay').click();
  await page.getByTestId('cashier-pay').waitFor().catch(async (error: unknown) => {
    throw new Error(`no cashier at ${page.url()}: ${(await page.locator('body').innerText()).slice(0, 1000)}`, { cause: error });
  });
  await page.goBack();
  await page.getByTestId('pay').click();
  await page.getByTestId('cashier-pay').click();
  // Back by itself, or by the cashier's own button where it shows a receipt first.
  const state = page.getByTestId('order-state');
  const leave = page.getByTestId('cashier-leave');
  await state.or(leave).first().waitFor();
  if (await leave.isVisible()) await leave.click();
  await page.locator('[data-testid="order-state"][data-state="success"]').waitFor();
}

async function restOfThePages(page: Page, look: Look): Promise<void> {
  const order_url = page.url();
  await page.getByTestId('nav-orders').click();
  await page.getByTestId('order').first().waitFor();
  await look('orders');
  await page.getByTestId('nav-messages').click();
  await page.getByTestId('message').or(page.getByTestId('empty')).first().waitFor();
  await look('messages');
  await page.getByTestId('nav-account').click();
  await page.getByTestId('account-name').waitFor();
  await look('account');
  await page.goto(order_url);
  await page.getByTestId('qr').first().waitFor();
}

async function refund(page: Page, look: Look): Promise<void> {
  await page.getByTestId('refund').click();
  await page.getByTestId('quote-refund').click();
  await page.getByTestId('quote').waitFor();
  await look('refund_quote');
  await page.getByTestId('confirm-refund').click();
  await page.getByTestId('refund-progress').waitFor();
  await look('refund_progress');
  await page.locator('[data-testid="order-state"][data-state="closed"]').waitFor();
  await page.locator('[data-testid="refund-progress"][data-stage="done"]').waitFor();
  await look('refunded');
  await page.getByTestId('nav-messages').click();
  await page.getByTestId('message').first().waitFor();
  await look('messages_refunded');
  await page.getByTestId('nav-orders').click();
  await page.getByTestId('order').first().waitFor();
  await look('orders_refunded');
}

async function logOut(page: Page): Promise<void> {
  await page.getByTestId('nav-account').click();
  await page.getByTestId('log-out').click();
  await page.getByTestId('nav-login').waitFor();
}

/** A number of the right form that belongs to nobody in particular. */
function someIdNumber(): string {
  const sequence = String(Math.floor(Math.random() * 1000)).padStart(3, '0');
  const day = String(1 + Math.floor(Math.random() * 28)).padStart(2, '0');
  const first_17 = `110101${1960 + Math.floor(Math.random() * 40)}0${1 + Math.floor(Math.random() * 9)}${day}${sequence}`;
  return first_17 + checkDigit(first_17);
}
