/**
 * One upgrade (domain/upgrade.ts) from its match to its end. The match is taken or refused by one compare-and-set on the standby: a
 * change is made in that transaction, or its seats go back, never both. Every step may be repeated, and may end anywhere.
 */
import { createHash } from 'node:crypto';
import type { ErrorReason } from '#kit/base/errors.ts';
import { FailureError, required, type Failure } from '#kit/base/result.ts';
import { formatUuid7 } from '#kit/base/uuid7.ts';
import type { Change } from '../domain/change.ts';
import { standbyPriorityOf } from '../domain/standby_priority.ts';
import { matchHoldId, type Standby, type Wish } from '../domain/standby.ts';
import { afterRefusal, endOfChange, priceAtPlaces, reasonAtDeadline, refusedFor, toldByChange } from '../domain/upgrade.ts';
import type { NewChange } from './change_ports.ts';
import { isTransient } from './change_step.ts';
import { driveStandby, forgetCancelled } from './drive_standby.ts';
import { askQuote } from './quote_change.ts';
import { wishOf } from './settle_matches.ts';
import type { UpgradeParts, UpgradeStandby } from './upgrade_ports.ts';

type Wait = { again_in_ms: number };
/** The standby after a step, or how long to wait for others, or nothing: it is moved on by its matcher. */
type Outcome = Standby | Wait | undefined;

/** More than an upgrade has between two waits. */
const STEPS_MAX = 12;
/** How often its change is looked at; most of what happens there wakes it. */
const LOOK_MS = 3000;

/** As driveStandby, of whichever kind. */
export async function driveAnyStandby(parts: UpgradeParts, standby_id: bigint): Promise<Wait | undefined> {
  let standby = await parts.standbys.find(standby_id);
  // Seats are asked for in the same way.
  if (!isUpgrade(standby) || standby.state === 'MATCHING') return driveStandby(parts, standby_id);
  for (let made = 0; made < STEPS_MAX; made += 1) {
    if (!isUpgrade(standby)) throw new Error(`standby ${standby_id} is no upgrade any more`);
    const outcome: Outcome = await step(parts, standby);
    if (outcome === undefined || 'again_in_ms' in outcome) return outcome;
    standby = outcome;
  }
  return { again_in_ms: LOOK_MS };
}

export function isUpgrade(standby: Standby | undefined): standby is UpgradeStandby {
  return standby?.upgrade !== undefined;
}

function step(parts: UpgradeParts, standby: UpgradeStandby): Promise<Outcome> {
  switch (standby.state) {
    case 'PENDING': return wait(parts, standby);
    case 'LOCKED': return standby.reason === '' ? take(parts, standby) : giveBack(parts, standby);
    case 'AWAIT_PAY': return follow(parts, standby);
    case 'FAIL': return tell(parts, standby);
    default: return Promise.resolve(undefined);
  }
}

async function wait({ standbys, runs, clock }: UpgradeParts, waiting: UpgradeStandby): Promise<Outcome> {
  const now_ms = clock.now_ms();
  const standby = await forgetCancelled({ standbys, runs }, waiting);
  if (standby.state !== 'PENDING' || !isUpgrade(standby)) return standby;
  const { upgrade, wishes, deadline_ms, member_level, travellers, create_ms } = standby;
  if (now_ms >= deadline_ms) return standbys.end(standby, 'FAIL', reasonAtDeadline(upgrade, wishes.map(({ departure_ms }) => departure_ms), now_ms));
  await standbys.age(standby, standbyPriorityOf({ waited_ms: now_ms - create_ms, member_level, passengers: travellers.length }));
  return undefined;
}

/** LOCKED: priced as a change now, which is made, or refused. */
async function take(parts: UpgradeParts, standby: UpgradeStandby): Promise<Outcome> {
  if (standby.change_id !== undefined) return follow(parts, standby);
  const decided = await decide(parts, standby, wishOf(standby));
  return 'refused' in decided ? parts.upgrades.refuse(standby, decided.refused) : parts.upgrades.begin(standby, decided);
}

async function decide({ held, quotes, tickets_of }: UpgradeParts, standby: UpgradeStandby, wish: Wish): Promise<NewChange | { refused: ErrorReason }> {
  const { standby_id, match_no, upgrade, create_ms, locked_ms = create_ms } = standby;
  const places = await held(standby, wish);
  if (!places.ok) return refusedOrThrow(places.error);
  const item_ids = upgrade.items.map(({ item_id }) => item_id);
  const { run_id, from_station_id, to_station_id, seat_classes } = wish;
  const asked = await askQuote({ ...quotes, view: (order_id) => tickets_of.find(order_id), at_counter: false }, { order_id: upgrade.order_id, item_ids, run_id, from_station_id, to_station_id, seat_class: seat_classes[0]! });
  if (!asked.ok) return refusedOrThrow(asked.error);
  const { order, quote, fares } = asked.value;
  const priced = priceAtPlaces(quote, fares, places.value, upgrade.max_difference_fen);
  if (!priced.ok) return refusedOrThrow(priced.error);
  const items = priced.value.map((item) => ({ ...item, places: [], ticket_id: '' }));
  const old_run_id = order.items.find(({ item_id }) => item_id === item_ids[0])!.journey.run_id;
  const what = createHash('sha256').update(`upgrade ${standby_id} ${match_no}`).digest();
  return {
    request_id: formatUuid7(locked_ms, what), body_hash: what, order_id: upgrade.order_id, account_id: order.account_id,
    body: { items, old_run_id, journey: quote.journey, seat_class: quote.seat_class, preference: undefined, channel: order.channel, fares: [...fares], terms: quote.terms, upgrade: { standby_id: String(standby_id), hold_id: matchHoldId(standby) } },
  };
}

function refusedOrThrow(error: Failure): { refused: ErrorReason } {
  if (isTransient(error)) throw new FailureError(error);
  return { refused: refusedFor(error) };
}

/** What the change has become is what the standby is. */
async function follow(parts: UpgradeParts, standby: UpgradeStandby): Promise<Outcome> {
  const { standbys, upgrades, changing, notices } = parts;
  const change = await changeOf(parts, standby);
  if (change === undefined) throw new Error(`the change of standby ${standby.standby_id} is not there`);
  switch (change.stage) {
    case 'DONE': return standbys.end(standby, 'SUCCESS', '');
    case 'CANCELLED':
    case 'REFUSED':
      // Until its places were locked it can be that all may be tried again; afterwards its end is the standby's.
      return toldByChange(change) ? standbys.end(standby, 'FAIL', endOfChange(change)) : upgrades.refuse(standby, change.reason);
    case 'AWAIT_PAY':
      if (standby.state === 'LOCKED') return upgrades.awaitPay(standby);
      if (standby.told === true) return { again_in_ms: LOOK_MS };
      required(await notices.due(standby, change));
      return upgrades.told(standby);
    default: {
      const now = await changing.driveBriefly(change);
      return now.stage === change.stage ? { again_in_ms: LOOK_MS } : standby;
    }
  }
}

/** LOCKED, and refused: the seats go back to those who wait, and then it is decided whether this one waits on. */
async function giveBack(parts: UpgradeParts, standby: UpgradeStandby): Promise<Outcome> {
  const { seats, standbys, upgrades, notices } = parts;
  const wish = wishOf(standby);
  const released = await seats.release(standby, wish, `no change: ${standby.reason}`);
  if (!released.ok && !NOTHING_HELD.has(released.error.reason)) throw new FailureError(released.error);
  const next = afterRefusal(standby.reason);
  if (next === 'OVER') return standbys.end(standby, 'FAIL', standby.reason);
  if (next === 'NEXT' && standby.wishes.length > standby.upgrade.passed.length + 1) required(await notices.passed(standby, wish));
  return upgrades.resume(standby, next === 'NEXT');
}

const NOTHING_HELD: ReadonlySet<ErrorReason> = new Set(['HOLD_NOT_FOUND', 'TRAIN_RUN_NOT_FOUND', 'TRAIN_DEPARTED']);

/** FAIL, in whatever way it came to that. */
async function tell(parts: UpgradeParts, standby: UpgradeStandby): Promise<Outcome> {
  const knows = standby.reason === 'CANCELLED' || toldByChange(await changeOf(parts, standby));
  if (!knows) required(await parts.notices.ended(standby));
  await parts.upgrades.told(standby);
  return undefined;
}

async function changeOf({ changes }: UpgradeParts, { change_id }: Standby): Promise<Change | undefined> {
  return change_id === undefined ? undefined : changes.find(change_id);
}
