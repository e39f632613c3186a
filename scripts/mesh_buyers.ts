/**
 * `node scripts/mesh_buyers.ts --page URL --buyers N --rate R`: people who buy one ticket after the other through an edge, R purchases
 * begun a second whatever came of those before. It writes a line of JSON for each purchase that ended and each refusal that a person
 * would have seen, and goes on until its standard input ends. Refusals and lost answers are counted and then waited out, so that
 * every purchase has an end.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Passenger } from '#gen/rail/identity/v1/identity_pb.ts';
import { OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { inTurns } from '#kit/base/in_turns.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { reasonOf } from './traveller/api.ts';
import { patiently } from './traveller/patience.ts';
import { Traveller, type Choice } from './traveller/traveller.ts';

export type BuyerEvent =
  | { event: 'ready'; buyers: number }
  | { event: 'bought'; took_ms: number; order_id: string }
  | { event: 'lost'; why: string }
  /** What a person would have seen, without a page that asks again. */
  | { event: 'seen'; code: string; why: string; at: string };

type Buyer = { traveller: Traveller; passenger: Passenger; trips: Choice[] };

const { values } = parseArgs({ options: { page: { type: 'string' }, buyers: { type: 'string', default: '8' }, rate: { type: 'string', default: '2' } } });
const page = values.page!;
const PAIRS = [['北京', '上海'], ['上海', '南京'], ['广州', '长沙'], ['武汉', '郑州']] as const;
/** From the day after tomorrow on: no train of today leaves meanwhile. */
const FIRST_DAY = 2;
const DAYS = 12;
const MADE_AT_ONCE = 6;

const say = (event: BuyerEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

function tell(error: unknown): void {
  const code = error instanceof ConnectError ? Code[error.code] : '';
  say({ event: 'seen', code, why: reasonOf(error) ?? (error instanceof Error ? error.message : String(error)), at: new Date().toISOString() });
}

/** An account, its passenger, and a trip for every day: nobody may be on two trains at once. */
async function makeBuyer(index: number): Promise<Buyer> {
  const traveller = new Traveller(page, { tell });
  await traveller.register();
  const passenger = await traveller.addPassenger();
  const [from, to] = await Promise.all(PAIRS[index % PAIRS.length]!.map((text) => placeOf(traveller, text)));
  const trips: Choice[] = [];
  const today = serviceDateAt(Date.now());
  for (let day = 0; day < DAYS; day++) {
    const trip = await traveller.findTrain(from!, to!, addDays(today, FIRST_DAY + day));
    if (trip !== undefined) trips.push(trip);
  }
  return { traveller, passenger, trips };
}

async function placeOf(traveller: Traveller, text: string) {
  const { suggestions } = await patiently(() => traveller.api.query.suggestStations({ text, limit: 5 }), { tell });
  const place = suggestions[0]?.place;
  return place?.case === 'station' ? { case: 'stationId' as const, value: place.value.stationId } : { case: 'cityZh' as const, value: text };
}

async function buy({ traveller, passenger, trips }: Buyer): Promise<void> {
  const from_ms = performance.now();
  try {
    const token = await traveller.submit(trips.pop()!, passenger);
    const order_id = await traveller.waitInQueue(token);
    const { payUrl } = await traveller.openPayment(order_id);
    await traveller.payAtCashier(payUrl);
    const { state } = await traveller.waitForEnd(order_id);
    if (state === OrderState.SUCCESS) say({ event: 'bought', took_ms: Math.round(performance.now() - from_ms), order_id });
    else say({ event: 'lost', why: `the order ended in state ${state}` });
  } catch (error) {
    say({ event: 'lost', why: reasonOf(error) ?? String(error) });
  }
}

let ended = false;
process.stdin.resume();
void once(process.stdin, 'end').then(() => (ended = true));

// Each account may ask three times a second, so that several are made in the time of one.
const free = await inTurns(Array(Number(values.buyers)).keys(), MADE_AT_ONCE, makeBuyer);
say({ event: 'ready', buyers: free.length });
const under_way = new Set<Promise<void>>();
const pause_ms = 1000 / Number(values.rate);
for (let due_ms = performance.now(); !ended; due_ms += pause_ms) {
  await sleep(Math.max(0, due_ms - performance.now()));
  const buyer = free.find(({ trips }) => trips.length > 0);
  if (buyer === undefined) continue;
  free.splice(free.indexOf(buyer), 1);
  const purchase: Promise<void> = buy(buyer).finally(() => {
    under_way.delete(purchase);
    free.push(buyer);
  });
  under_way.add(purchase);
}
await Promise.all(under_way);
process.exit(0);
