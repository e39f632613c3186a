import type { PassengerType, SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import type { DeadlineChoice } from './deadline.ts';
import type { UpgradeOf } from './standby_path.ts';

/** One ride somebody would take. Classes in the order of liking: the first that has seats is taken. */
export type WishDraft = { run_id: string; from_station_id: string; to_station_id: string; seat_classes: SeatClass[]; accept_change: boolean };

/**
 * A request in the making. It is kept while one looks for further trains; of passengers only their ids and fares. `upgrade`: for tickets that
 * are held, whose passengers need no naming; `limit` is the most that may be due, in yuan as it was typed.
 */
export type Basket = { wishes: WishDraft[]; travellers: { passenger_id: string; type: PassengerType }[]; deadline?: DeadlineChoice; upgrade?: UpgradeOf & { limit: string } };

/** As the contract has it. */
export const WISHES_MAX = 10;

export const EMPTY_BASKET: Basket = { wishes: [], travellers: [] };

/** How many would travel. */
export function peopleOf({ travellers, upgrade }: Basket): number {
  return upgrade?.item_ids.length ?? travellers.length;
}

/** With one wish more; of a ride that is in it already only the classes are new. A full basket stays as it is. */
export function withWish(basket: Basket, wish: WishDraft): Basket {
  const known = basket.wishes.find((other) => isSameRide(other, wish));
  if (known === undefined) return basket.wishes.length >= WISHES_MAX ? basket : { ...basket, wishes: [...basket.wishes, wish] };
  const merged = { ...known, seat_classes: [...new Set([...known.seat_classes, ...wish.seat_classes])], accept_change: known.accept_change || wish.accept_change };
  return { ...basket, wishes: basket.wishes.map((other) => (other === known ? merged : other)) };
}

/** Whether the ride is in it. */
export function hasWish({ wishes }: Basket, wish: WishDraft): boolean {
  return wishes.some((other) => isSameRide(other, wish));
}

export function withoutWish(basket: Basket, wish: WishDraft): Basket {
  return { ...basket, wishes: basket.wishes.filter((other) => !isSameRide(other, wish)) };
}

/** With a wish as somebody has changed it. */
export function withChangedWish(basket: Basket, wish: WishDraft): Basket {
  return { ...basket, wishes: basket.wishes.map((other) => (isSameRide(other, wish) ? wish : other)) };
}

/** A class that is chosen now comes last; one that was chosen goes. */
export function toggleClass(wish: WishDraft, seat_class: SeatClass): WishDraft {
  const others = wish.seat_classes.filter((other) => other !== seat_class);
  return { ...wish, seat_classes: others.length < wish.seat_classes.length ? others : [...others, seat_class] };
}

export type BasketProblem = 'no_wish' | 'no_class' | 'choose_passenger' | 'child_needs_adult';

/** Why the request cannot be sent yet, or undefined. `is_child` says it of a fare. */
export function basketProblem({ wishes, travellers }: Basket, is_child: (type: PassengerType) => boolean): BasketProblem | undefined {
  if (wishes.length === 0) return 'no_wish';
  if (wishes.some(({ seat_classes }) => seat_classes.length === 0)) return 'no_class';
  if (travellers.length === 0) return 'choose_passenger';
  return travellers.every(({ type }) => is_child(type)) ? 'child_needs_adult' : undefined;
}

/** Each order's tickets have a request of their own, beside the one for who has none. */
export function saveBasket(storage: Storage, basket: Basket): void {
  storage.setItem(keyOf(basket.upgrade?.order_id), JSON.stringify(basket));
}

/** An empty one when there is none, it is for other tickets, or it cannot be read. */
export function readBasket(storage: Storage, of?: UpgradeOf): Basket {
  const empty: Basket = of === undefined ? EMPTY_BASKET : { ...EMPTY_BASKET, upgrade: { ...of, limit: '' } };
  try {
    const { wishes, travellers, deadline, upgrade } = JSON.parse(storage.getItem(keyOf(of?.order_id)) ?? '') as Basket;
    if (of === undefined && Array.isArray(wishes) && Array.isArray(travellers)) return { wishes, travellers, deadline };
    if (of !== undefined && Array.isArray(wishes) && upgrade?.item_ids.join() === of.item_ids.join()) return { wishes, travellers: [], deadline, upgrade: { ...of, limit: String(upgrade.limit) } };
  } catch {
    storage.removeItem(keyOf(of?.order_id));
  }
  return empty;
}

export function dropBasket(storage: Storage, order_id?: string): void {
  storage.removeItem(keyOf(order_id));
}

function isSameRide(one: WishDraft, other: WishDraft): boolean {
  return one.run_id === other.run_id && one.from_station_id === other.from_station_id && one.to_station_id === other.to_station_id;
}

function keyOf(order_id = ''): string {
  return order_id === '' ? 'chunyun.standby' : `chunyun.standby.${order_id}`;
}
