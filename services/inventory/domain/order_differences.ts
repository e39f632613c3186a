import type { HeldPlace, Hold } from './hold.ts';

/**
 * What an item of an order believes to have. RESERVED: its hold must be held or sold. TICKETED: sold. MOVING: it is being
 * refunded or changed, so its places may be there, gone, or others.
 */
export type OrderItem = { order_id: string; run_id: string; hold_id: string; item_id: string; stage: 'RESERVED' | 'TICKETED' | 'MOVING'; state: string; places: readonly NamedPlace[] };

export type NamedPlace = { coach_no: string; seat_no: string; from: number; to: number };

export type ItemDifference = { run_id: string; order_id: string; hold_id: string; explanation: string };

/** Items that believe to have what the ledger doesn't give them. `nameOf` names a place of a hold. */
export function itemsWithoutHold(items: readonly OrderItem[], holds: ReadonlyMap<string, Hold>, nameOf: (hold: Hold, place: HeldPlace) => NamedPlace): ItemDifference[] {
  return items.flatMap((item) => {
    const { run_id, order_id, hold_id } = item;
    const explanation = item.stage === 'MOVING' ? undefined : whatIsMissing(item, holds.get(hold_id), nameOf);
    return explanation === undefined ? [] : [{ run_id, order_id, hold_id, explanation: `item ${item.item_id} is ${item.state}, ${explanation}` }];
  });
}

/** Items of live holds of orders that no live item of an order answers for, by hold id. */
export function unclaimedItems(holds: readonly Hold[], items: readonly OrderItem[]): Map<Hold, string[]> {
  const claimed = new Set(items.map(({ order_id, hold_id, item_id }) => `${order_id}/${hold_id}/${item_id}`));
  const unclaimed = new Map<Hold, string[]>();
  for (const hold of holds) {
    if (hold.order_id === '') continue;
    const item_ids = [...new Set(hold.places.map(({ item_id }) => item_id))].filter((item_id) => !claimed.has(`${hold.order_id}/${hold.hold_id}/${item_id}`));
    if (item_ids.length > 0) unclaimed.set(hold, item_ids);
  }
  return unclaimed;
}

function whatIsMissing({ order_id, item_id, run_id, stage, places }: OrderItem, hold: Hold | undefined, nameOf: (hold: Hold, place: HeldPlace) => NamedPlace): string | undefined {
  if (hold === undefined) return 'the ledger has no such hold';
  if (hold.state !== 'HELD' && hold.state !== 'SOLD') return `its hold is ${hold.state}`;
  if (hold.run_id !== run_id) return `its hold is on run ${hold.run_id}`;
  if (hold.order_id !== order_id && (hold.order_id !== '' || hold.state === 'SOLD')) return `its hold is of order ${hold.order_id}`;
  if (stage === 'TICKETED' && hold.state !== 'SOLD') return 'its hold is not sold';
  const held = textOf(hold.places.filter((place) => place.item_id === item_id).map((place) => nameOf(hold, place)));
  return held === textOf(places) ? undefined : `it has ${textOf(places) || 'no place'} and the ledger ${held || 'none'}`;
}

function textOf(places: readonly NamedPlace[]): string {
  return places.map(({ coach_no, seat_no, from, to }) => `${coach_no}/${seat_no} ${from}-${to}`).sort().join(', ');
}
