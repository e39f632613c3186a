import type { OrderItem } from './quote.ts';

/**
 * Nobody under 14 travels alone (《铁路旅客运输规程》 2022: 未满 14 周岁的儿童应当随同成年旅客旅行). `ride` names what one travels on together.
 */
export type Traveller = { item_id: string; child: boolean; ride: string };

const TRAVELS: ReadonlySet<string> = new Set(['SUCCESS', 'CHANGE']);

/** Children who had an adult on their ride before and would have none after. One who had none before travels with an adult of another order. */
export function leftAlone(before: readonly Traveller[], after: readonly Traveller[]): string[] {
  const accompanied = (all: readonly Traveller[], { ride }: Traveller) => all.some((other) => other.ride === ride && !other.child);
  return after
    .filter((one) => one.child && !accompanied(after, one))
    .filter(({ item_id }) => before.some((one) => one.item_id === item_id && accompanied(before, one)))
    .map(({ item_id }) => item_id);
}

/**
 * The children that would travel alone if the given items were taken out of the order: 12306 has the last adult's ticket
 * given back together with the children's; who keeps another adult on the train may give one back alone.
 */
export function childrenLeftAlone(items: readonly OrderItem[], taken: readonly OrderItem[]): OrderItem[] {
  const travellers = (all: readonly OrderItem[]): Traveller[] => all.map(({ item_id, child, run_id }) => ({ item_id, child, ride: run_id }));
  const stays = items.filter((item) => TRAVELS.has(item.state) && !taken.includes(item));
  const alone = new Set(leftAlone(travellers([...stays, ...taken]), travellers(stays)));
  return stays.filter(({ item_id }) => alone.has(item_id));
}
