/** A traveller who waits for seats that others give back: alone or in a group, for one train or two, until a deadline or until he gives up. */
import type { Result } from '#kit/base/result.ts';
import { fail, ok } from '#kit/base/result.ts';
import { createStandby, type CreateStandby } from '../../../services/aftersales/app/create_standby.ts';
import { isOver, type Standby } from '../../../services/aftersales/domain/standby.ts';
import { cancelOrder } from '../../../services/order/app/cancel_order.ts';
import { SEAT_CLASS, STATIONS } from '../line.ts';
import { giveUpStandby } from '../nodes/standby_node.ts';
import type { World } from '../world.ts';
import { Person, POLLS_MAX, TRIES_MAX } from './person.ts';
import { Traveller } from './traveller.ts';

const DEADLINES_MS = [15_000, 60_000, 180_000, 420_000] as const;
const TWO_TRAINS_SHARE = 0.5;
/** Many wait for the same, one behind the other. */
const POPULAR_SHARE = 0.5;
const POPULAR = { from: 1, to: 2 };
/** Of those who come from a queue: they may be matched a while later only, also with what nobody gave back. */
const LATER_SHARE = 0.25;
const LATER_MS = 40_000;
/** Somebody who waits asks a few times while there are seats on sale. */
const ASK_AGAIN_MS = 20_000;

export async function waitForSeats(world: World, index: number): Promise<void> {
  const { scheduler, faults } = world;
  const person = new Person(world, index);
  await scheduler.sleep(scheduler.random.unit() * world.arrivals_ms);
  const created = await ask(person);
  if (created === undefined) return;
  if (faults.hits('standby_given_up')) void giveUp(person, created.standby_id, scheduler.random.unit() * scheduler.pick([500, 10_000, 200_000]));
  const standby = await seen(person, created.standby_id, ({ state }) => state === 'AWAIT_PAY' || isOver(state));
  if (standby === undefined || standby.order_id === '') return;
  const traveller = new Traveller(person);
  await traveller.pay(standby.order_id);
  const ended = await seen(person, created.standby_id, ({ state }) => isOver(state));
  if (ended?.state === 'SUCCESS') await traveller.afterwards(standby.order_id);
}

async function ask(person: Person): Promise<Standby | undefined> {
  const { world: { scheduler, faults } } = person;
  const { account } = person.actor;
  for (let tried = 0; tried < TRIES_MAX; tried += 1) {
    const wanted = wishOf(person);
    const create = (): Promise<Result<Standby>> => person.aftersales('createStandby', ({ standby }) => createStandby(standby, wanted, { ...person.audited, tenant: account.tenant, channel: account.channel, member_level: account.member_level }));
    if (faults.hits('standby_repeated')) void create();
    const created = await person.insist(create);
    if (created?.ok === true) return created.value;
    if (created?.error.reason !== 'STANDBY_NOT_NEEDED') return undefined;
    await scheduler.sleep(ASK_AGAIN_MS * scheduler.random.unit());
  }
  return undefined;
}

function wishOf(person: Person): CreateStandby {
  const { world: { scheduler, faults, timetable }, index } = person;
  const popular = scheduler.chance(POPULAR_SHARE);
  const from = popular ? POPULAR.from : scheduler.between(0, STATIONS.length - 2);
  const to = popular ? POPULAR.to : scheduler.between(from + 1, STATIONS.length - 1);
  const count = popular ? 1 : scheduler.pick([1, 2, 3]);
  const of = index > 0 && faults.hits('standby_overlap') ? index - 1 : index;
  const first = scheduler.pick(timetable.sold);
  const trains = scheduler.chance(TWO_TRAINS_SHARE) ? [first, ...timetable.sold.filter((train) => train !== first)] : [first];
  const now_ms = Math.floor(scheduler.now_ms());
  return {
    request_id: person.id(),
    wishes: trains.map(({ run_id }) => ({ run_id, from_station_id: STATIONS[from]!, to_station_id: STATIONS[to]!, seat_classes: [SEAT_CLASS], accept_same_train_change: false })),
    passenger_ids: Array.from({ length: count }, (_, number) => String((index + 1) * 100_000 + of * 10 + number + 1)),
    passenger_types: [],
    deadline_ms: now_ms + scheduler.pick(DEADLINES_MS),
    ...(scheduler.chance(LATER_SHARE) ? { match_after_ms: now_ms + scheduler.between(1, LATER_MS) } : {}),
  };
}

async function giveUp(person: Person, standby_id: bigint, wait_ms: number): Promise<void> {
  await person.world.scheduler.sleep(wait_ms);
  const request_id = person.id();
  const cancel = (order_id: string) => person.order('cancel', (ports) => cancelOrder(ports, { request_id, order_id, etag: '' }, person.actor));
  await person.insist(() => person.aftersales('cancelStandby', async ({ standby }) => {
    const found = await standby.standbys.find(standby_id);
    return found === undefined ? fail('STANDBY_NOT_FOUND') : giveUpStandby(standby, found, cancel, person.audited);
  }));
}

async function seen(person: Person, standby_id: bigint, until: (standby: Standby) => boolean): Promise<Standby | undefined> {
  for (let poll = 0; poll < POLLS_MAX; poll += 1) {
    const found = await person.aftersales('getStandby', async ({ standby }) => ok(await standby.standbys.find(standby_id)));
    if (found.ok && found.value !== undefined && until(found.value)) return found.value;
    await person.world.scheduler.sleep(1000 + Math.min(poll, 10) * 500);
  }
  return undefined;
}
