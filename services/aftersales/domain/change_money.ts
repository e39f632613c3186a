/** Whose money is where after a change: it goes back the way it came, whenever that is. */
import { differenceOf, type Change, type ChangeItem } from './change.ts';
import type { MoneySource } from './refund.ts';

export type Settled = {
  /** What pays each new fare, by item. */
  fares: Map<string, MoneySource[]>;
  /** What comes back. */
  back: MoneySource[];
};

/**
 * Divides what the tickets cost before, and the difference where one was paid, into the new fares, what comes back and the
 * fees, which are what is left. A ticket keeps its own money as far as it goes; the difference covers the rest. Nothing but the
 * change is looked at, so every repetition divides alike.
 */
export function settleMoney({ items, payment_id }: Pick<Change, 'items' | 'payment_id'>): Settled {
  const difference_fen = differenceOf(items);
  const fares = new Map<string, MoneySource[]>();
  const common: MoneySource[] = [];
  for (const item of items) {
    const rest = item.money.map((source) => ({ ...source }));
    fares.set(item.item_id, take(rest, item.new_fare_fen));
    common.push(...rest);
  }
  if (difference_fen > 0) common.push({ payment_id, amount_fen: difference_fen });
  for (const item of items) fares.get(item.item_id)!.push(...take(common, item.new_fare_fen - sum(fares.get(item.item_id)!)));
  for (const item of items) checkFare(item, fares.get(item.item_id)!);
  return { fares, back: take(common, Math.max(0, -difference_fen)) };
}

/** Takes an amount from the front; what is taken is gone from `sources`. */
function take(sources: MoneySource[], amount_fen: number): MoneySource[] {
  const taken: MoneySource[] = [];
  let rest_fen = amount_fen;
  for (const source of sources) {
    const part_fen = Math.min(rest_fen, source.amount_fen);
    if (part_fen <= 0) continue;
    source.amount_fen -= part_fen;
    rest_fen -= part_fen;
    taken.push({ payment_id: source.payment_id, amount_fen: part_fen });
  }
  return taken;
}

function checkFare({ item_id, new_fare_fen }: ChangeItem, sources: readonly MoneySource[]): void {
  if (sum(sources) !== new_fare_fen) throw new Error(`the new fare of ${item_id} is not covered`);
}

function sum(sources: readonly MoneySource[]): number {
  return sources.reduce((total, { amount_fen }) => total + amount_fen, 0);
}
