import { expectedNext, inOrder, type Happening } from '../domain/explain.ts';
import type { OrderSources } from './ports.ts';

export type Explanation = { order_id: string; state: string; happened: Happening[]; next: { zh: string; en: string } };

/** Everything that happened to an order on one screen. What a service that is away would add is missing, and said so. */
export async function explainOrder(sources: OrderSources, order_id: string): Promise<Explanation> {
  const [{ state, happenings }, others] = await Promise.all([sources.order(order_id), sources.others(order_id)]);
  return { order_id, state, happened: inOrder([...happenings, ...others]), next: expectedNext(state) };
}
