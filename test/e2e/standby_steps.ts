// Standby as a traveller meets it: a class that is sold out, the request, its place and odds, and a seat that somebody gives back.
import type { ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { HoldOwner, InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { SeatService } from '#gen/rail/seat/v1/seat_pb.ts';
import type { Seat } from '#gen/rail/type/v1/journey_pb.ts';
import { createClient, type ServiceClient } from '#kit/rpc/client.ts';
import { runSql } from '../../scripts/stack/sql.ts';
import { newId, type TestStack } from '../support/edge_stack.ts';
import { eventually } from '../support/processes.ts';
import { HELD_MS, inGroups, untouchedRun, type SeatedRun } from './seat_steps.ts';

type Look = (name: string) => Promise<void>;
export type SoldOut = SeatedRun & { /** Somebody gives a ticket for the whole way back. */ giveBack: () => Promise<void> };

/** Sells every seat of the smallest and dearest class of some run of tomorrow, one of them by itself; or of the class after it. */
export async function sellOut(stack: TestStack, which: 'dearest' | 'next'): Promise<SoldOut> {
  const { run, seat_class, all } = await withSeats(stack, (seats) => untouchedRun(stack, callerKey(stack), seats));
  return which === 'next' ? sellOutOther(stack, { ...run, seat_class }) : sell(stack, { ...run, seat_class }, all);
}

/** The same with the smallest other class of a run. */
export async function sellOutOther(stack: TestStack, run: SeatedRun): Promise<SoldOut> {
  return withSeats(stack, async (seats) => {
    const { coaches } = await seats.getSeatMap({ runId: run.run_id, fromStationId: run.from.station_id, toStationId: run.to.station_id });
    const free = coaches.flatMap((coach) => coach.seats).filter((place) => place.free && place.seat!.seatClass !== run.seat_class).map(({ seat }) => seat!);
    const [seat_class, all] = [...Map.groupBy(free, (seat) => seat.seatClass)].toSorted(([, one], [, other]) => one.length - other.length)[0]!;
    return sell(stack, { ...run, seat_class }, all);
  });
}

/** From the list of trains and from the end of a queue into the form, and to the page of the request; the answer to it is lost on the way once. */
export async function joinStandby(t: ExecutionContext, page: Page, run: SoldOut, choosePassenger: (page: Page) => Promise<void>, look: Look): Promise<void> {
  const address = new URLSearchParams({ from: `${run.from.station_id}~${run.from.name}`, to: `${run.to.station_id}~${run.to.name}`, date: run.date });
  await page.goto(`/trains?${address.toString()}`);
  const cell = page.locator(`[data-testid="train"][data-train="${run.train_no}"] [data-testid="class-standby"][data-class="${run.seat_class}"]`);
  await cell.waitFor();
  await look('results_standby');
  await cell.click();
  await page.getByTestId('odds').waitFor();
  await queueInVain(page, run, choosePassenger);
  await page.getByTestId('join-standby').click();
  await page.getByTestId('odds').waitFor();
  t.is(await page.getByTestId('wish').count(), 1, 'the same ride is wished for once');
  await page.getByTestId('submit-standby').click();
  await page.getByTestId('standby-problem').filter({ hasText: /./ }).waitFor();
  await choosePassenger(page);
  t.regex(await page.getByTestId('estimate').innerText(), /前方没有人/);
  await page.locator('[data-testid="standby-priorities"] summary').click();
  await look('standby_form');
  const asked = await loseFirstAnswer(page);
  await page.getByTestId('submit-standby').dblclick();
  await page.getByTestId('standby-submitting').getByTestId('error').waitFor();
  await page.reload();
  await page.getByTestId('standby-state').waitFor();
  t.true(asked.length >= 2);
  t.is(new Set(asked).size, 1, 'what is sent again is the same request');
}

/** On the page of a request that waits: place and odds, and what the list says. */
export async function seePlace(t: ExecutionContext, page: Page, look: Look): Promise<string> {
  const standby_page = page.url();
  const place = page.getByTestId('place-of-wish');
  t.is(await place.getAttribute('data-ahead'), '0');
  t.regex(await place.getByTestId('wish-odds').innerText(), /约 \d+%/);
  await page.getByTestId('time-left').waitFor();
  await look('standby_waiting');
  await page.getByTestId('nav-orders').click();
  await page.getByTestId('tab-standbys').click();
  await page.getByTestId('standby-line').first().waitFor();
  t.is(await page.getByTestId('standby-line').count(), 1, 'a double click, a lost answer and a reload have made one');
  await look('standbys');
  await page.getByTestId('standby-line').first().locator('a').click();
  await page.getByTestId('place-of-wish').waitFor();
  return standby_page;
}

/** Inventory keeps what comes back for those who wait once it has been told of them. */
export async function untilKnown({ env }: TestStack, { run_id }: SoldOut): Promise<void> {
  await eventually(async () => {
    const [rows] = await runSql(env.MYSQL_ADMIN_URL!, ['SELECT run_id, waiting > 0 AND version = told AS known FROM chunyun_aftersales.standby_run']);
    return rows!.some((row) => String(row.run_id) === run_id && Number(row.known) === 1);
  });
}

async function sell(stack: TestStack, run: SeatedRun, all: Seat[]): Promise<SoldOut> {
  const open = () => createClient(InventoryService, { service: 'order', address: stack.env.INVENTORY_ADDRESS!, caller_key: callerKey(stack) });
  const inventory = open();
  try {
    const hold = (held: Seat[]) => ({ holdId: `test-${newId()}`, runId: run.run_id, fromStationId: run.from.station_id, toStationId: run.to.station_id, owner: HoldOwner.ORDER, holdTtlMs: HELD_MS, items: held.map((seat, index) => ({ itemId: String(index + 1), seat })) });
    const requests = [all.slice(0, 1), ...inGroups(all.slice(1))].map(hold);
    const { results } = await inventory.batchHoldSeats({ requests });
    const refused = results.find(({ outcome }) => outcome.case !== 'hold')?.outcome;
    if (refused !== undefined) throw new Error(`a seat of a run that nobody has bought could not be held: ${refused.case === 'error' ? refused.value.message : ''}`);
    const giveBack = async (): Promise<void> => {
      const again = open();
      try {
        await again.releaseHold({ holdId: requests[0]!.holdId, runId: run.run_id, owner: HoldOwner.ORDER, reason: 'refunded' });
      } finally {
        again.close();
      }
    };
    return { ...run, giveBack };
  } finally {
    inventory.close();
  }
}

async function withSeats<T>({ env }: TestStack, work: (seats: ServiceClient<typeof SeatService>) => Promise<T>): Promise<T> {
  const seats = createClient(SeatService, { service: 'test', address: env.INVENTORY_ADDRESS! });
  try {
    return await work(seats);
  } finally {
    seats.close();
  }
}

function callerKey({ env }: TestStack): Uint8Array {
  return Buffer.from(env.CALLER_KEY!.split(',')[0]!, 'hex');
}

/** Without consent to standby the end of the queue only offers it. */
async function queueInVain(page: Page, run: SoldOut, choosePassenger: (page: Page) => Promise<void>): Promise<void> {
  const ride = new URLSearchParams({ from: run.from.station_id, to: run.to.station_id, class: String(run.seat_class) });
  await page.goto(`/book/${encodeURIComponent(run.run_id)}?${ride.toString()}`);
  await page.getByTestId('offer-standby').getByTestId('join-standby').waitFor();
  await choosePassenger(page);
  await page.getByTestId('accept-standby').uncheck();
  await page.getByTestId('submit-order').click();
  await page.locator('[data-testid="queue-over"][data-reason="SOLD_OUT"]').waitFor();
}

/** The request ids that were sent; the first request arrives, its answer does not. */
export async function loseFirstAnswer(page: Page): Promise<string[]> {
  const asked: string[] = [];
  await page.route(/StandbyService\/CreateStandby/, async (route) => {
    const request_id = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/.exec(route.request().postDataBuffer()?.toString('latin1') ?? '')?.[0] ?? '';
    asked.push(request_id);
    if (asked.length > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  return asked;
}
