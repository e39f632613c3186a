import type { JourneyChange, Order, OrderItem } from '#gen/rail/order/v1/order_pb.ts';
import type { Journey } from '#gen/rail/type/v1/journey_pb.ts';

export type JourneyGroup = { key: string; journey: Journey | undefined; change: JourneyChange | undefined; items: OrderItem[] };

/** The items of an order by the journey they make: one group as a rule, more once some of them were changed to another train. */
export function journeyGroups(order: Pick<Order, 'items' | 'journey' | 'journeyChange'>): JourneyGroup[] {
  const groups = Map.groupBy(order.items, (item) => {
    const journey = item.journey ?? order.journey;
    return `${journey?.runId} ${journey?.fromStationId} ${journey?.toStationId}`;
  });
  return [...groups].map(([key, items]) => {
    const own = items.find(({ journey }) => journey !== undefined);
    return { key, items, journey: own?.journey ?? order.journey, change: own === undefined ? order.journeyChange : own.journeyChange };
  });
}

/** What the tickets of an order cost now: as ordered, until one of them was changed to another fare. */
export function totalFen({ items, total }: Pick<Order, 'items' | 'total'>): bigint {
  if (!items.some(({ changed }) => changed)) return total?.amountFen ?? 0n;
  return items.reduce((sum, { fare }) => sum + (fare?.amountFen ?? 0n), 0n);
}
