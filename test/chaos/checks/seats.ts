/** Promise 1: a seat on a segment has at most one holder, and the ledger says so. */
import { finding, type Finding } from '../finding.ts';
import type { World } from '../world.ts';

export type StoredPlace = [item_id: string, class_code: number, seat: number, from: number, to: number];

type HoldRow = { hold_id: string; run_no: string; run_id: string; state: string; order_id: string; owner: string; places: string };

const LOOK = 'chunyun_inventory.seat_hold and seat_ledger of the run; audit_record says who wrote';
const LIVE = "state IN ('HELD', 'SOLD')";

export function maskOf(from: number, to: number): bigint {
  return ((1n << BigInt(to - from)) - 1n) << BigInt(from);
}

/** Masks recomputed from the live holds, seat by seat, against the ledger's: no overlap, no difference in either direction. */
export async function seatsFindings(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  const holds = await world.rows<HoldRow>(`SELECT hold_id, run_no, run_id, state, order_id, owner, places FROM chunyun_inventory.seat_hold WHERE ${LIVE}`);
  const taken = new Map<string, { mask: bigint; holders: string[] }>();
  const standing = new Map<string, number>();
  for (const hold of holds) {
    for (const [, class_code, seat, from, to] of JSON.parse(hold.places) as StoredPlace[]) {
      if (seat < 0) {
        for (let segment = from; segment < to; segment += 1) standing.set(`${hold.run_no}/${segment}`, (standing.get(`${hold.run_no}/${segment}`) ?? 0) + 1);
        continue;
      }
      const key = `${hold.run_no}/${class_code}/${seat}`;
      const before = taken.get(key) ?? { mask: 0n, holders: [] };
      const mask = maskOf(from, to);
      if ((before.mask & mask) !== 0n) findings.push(finding('seats', [hold.run_id, hold.hold_id, ...before.holders], `seat ${class_code}/${seat} has two holders on a segment`, LOOK));
      taken.set(key, { mask: before.mask | mask, holders: [...before.holders, hold.hold_id] });
    }
  }
  const ledger = await world.rows<{ run_no: string; class_code: number; seat: number; occupied: string }>('SELECT run_no, class_code, seat, occupied FROM chunyun_inventory.seat_ledger WHERE occupied <> 0');
  for (const { run_no, class_code, seat, occupied } of ledger) {
    const key = `${run_no}/${class_code}/${seat}`;
    const held = taken.get(key);
    taken.delete(key);
    if (held?.mask !== BigInt(occupied)) findings.push(finding('seats', [key, ...(held?.holders ?? [])], `the ledger has mask ${occupied} where the holds have ${held?.mask ?? 0n} (run_no/class/seat)`, LOOK));
  }
  for (const [key, { holders }] of taken) findings.push(finding('seats', [key, ...holders], 'held, but free in the ledger (run_no/class/seat)', LOOK));
  const counters = await world.rows<{ run_no: string; segment: number; used: number; capacity: number }>('SELECT run_no, segment, used, capacity FROM chunyun_inventory.standing_ledger');
  for (const { run_no, segment, used, capacity } of counters) {
    const counted = standing.get(`${run_no}/${segment}`) ?? 0;
    if (used !== counted || used > capacity) findings.push(finding('seats', [`${run_no}/${segment}`], `${used} of ${capacity} standing places used where holds have ${counted}`, LOOK));
  }
  return findings;
}

/** At rest a hold is SOLD by a ticketed item of its order, or it is over; and a ticketed item has its places. */
export async function leaksFindings(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  const holds = await world.rows<HoldRow>(`SELECT hold_id, run_no, run_id, state, order_id, owner, places FROM chunyun_inventory.seat_hold WHERE ${LIVE}`);
  const items = await world.rows<{ order_id: string; item_no: number; hold_id: string; state: string }>('SELECT order_id, item_no, hold_id, state FROM chunyun_order.order_item');
  const live = new Map(items.filter(({ state }) => state === 'SUCCESS').map((item) => [`${item.hold_id}/${item.item_no}`, item]));
  for (const hold of holds) {
    const item_ids = new Set((JSON.parse(hold.places) as StoredPlace[]).map(([item_id]) => item_id));
    if (hold.state === 'HELD') {
      findings.push(finding('leaks', [hold.hold_id, hold.order_id, hold.run_id], 'a hold that nobody will sell or release', LOOK));
      for (const item_id of item_ids) live.delete(`${hold.hold_id}/${item_id}`);
      continue;
    }
    for (const item_id of item_ids) {
      const item = live.get(`${hold.hold_id}/${item_id}`);
      live.delete(`${hold.hold_id}/${item_id}`);
      if (item === undefined || item.order_id !== hold.order_id) findings.push(finding('leaks', [hold.hold_id, hold.order_id, hold.run_id], `sold places of item ${item_id} that no ticketed item has`, LOOK));
    }
  }
  for (const { order_id, item_no, hold_id } of live.values()) findings.push(finding('leaks', [`${order_id}-${item_no}`, hold_id], 'a ticketed item whose places are not SOLD in the ledger', LOOK));
  return findings;
}
