/** A change of train: the new tickets take the place of the old ones in one step, so that nobody has none or two. */
import type { Ticket } from './ticket.ts';

export type Earlier = Pick<Ticket, 'ticket_id' | 'item_id' | 'version' | 'state'>;

/**
 * The tickets that become void when these become valid: of each item exactly one, and that one valid. Undefined when an item
 * has none: it was used at a gate or voided meanwhile, and then nothing is replaced. `earlier` may name all that the items
 * have ever had.
 */
export function judgeReplaced(fresh: readonly Pick<Ticket, 'item_id' | 'version'>[], earlier: readonly Earlier[]): bigint[] | undefined {
  const replaced: bigint[] = [];
  for (const { item_id, version } of fresh) {
    const counting = earlier.filter((ticket) => ticket.item_id === item_id && ticket.version < version && (ticket.state === 'VALID' || ticket.state === 'USED'));
    if (counting.length > 1) throw new Error(`item ${item_id} has ${counting.length} tickets`);
    if (counting[0]?.state !== 'VALID') return undefined;
    replaced.push(counting[0].ticket_id);
  }
  return replaced;
}
