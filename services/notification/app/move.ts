import { isDeadLetter, isHandedOver, NO_RECIPIENT } from '../domain/delivery.ts';
import type { Delivery } from '../domain/delivery.ts';
import { SYSTEM } from './ports.ts';
import type { AuditNote, Delivered, DeliveryChange, DeliveryRow, Deps, Move, Moved } from './ports.ts';

/** Moves deliveries on in one transaction, in the order of the moves, and tells what changed; an answer to each. */
export async function moveDeliveries(deps: Pick<Deps, 'store' | 'clock' | 'meters' | 'wake'>, moves: readonly Move[]): Promise<(Moved | undefined)[]> {
  const moved = await deps.store.record(SYSTEM, async (unit) => {
    const known = await unit.deliveries.lock([...new Set(moves.map(({ delivery_id }) => delivery_id))]);
    const now = new Map(known.map((delivery) => [delivery.delivery_id, delivery]));
    const rows = new Map<bigint, DeliveryRow>();
    const answers = moves.map(({ delivery_id, decide }): Moved | undefined => {
      const before = now.get(delivery_id);
      const change = before && decide(before);
      if (before === undefined || change === undefined) return before && { before, after: before };
      const row = changed(before, change);
      now.set(delivery_id, row.delivery);
      rows.set(delivery_id, row);
      return { before, after: row.delivery };
    });
    if (rows.size > 0) await unit.deliveries.write([...rows.values()]);
    const news = answers.filter((answer) => answer !== undefined).filter(isNews);
    if (news.length > 0) {
      await unit.audit(...news.map(noteOf));
      await unit.announce(news.filter(isTold).map(({ after }) => toldOf(after, after.state as Delivered['state'], deps.clock.now_ms())));
    }
    return answers;
  });
  for (const answer of moved) if (answer !== undefined && isNews(answer)) count(deps, answer);
  if (moved.some((answer) => answer !== undefined && isNews(answer) && (isDeadLetter(answer.after) || isHandedOver(answer.after)))) deps.wake();
  return moved;
}

/** Stores what happened to a delivery, unless somebody else moved it on meanwhile. */
export async function settle({ move }: Pick<Deps, 'move'>, { delivery_id, version }: Delivery, change: DeliveryChange): Promise<void> {
  await move({ delivery_id, decide: (now) => (now.version === version ? change : undefined) });
}

/** What others are told of a delivery that reached a state. */
export function toldOf({ message_id, account_id, channel, order_id, template_id, version }: Delivery, state: Delivered['state'], time_ms: number): Delivered {
  return { message_id, account_id, channel, state, order_id, template_id, version, time_ms };
}

function changed(before: Delivery, { wait_ms, ...change }: DeliveryChange): DeliveryRow {
  const delivery = { ...before, ...change, version: before.version + 1n };
  // What failed for good stays due until its dead letter is written.
  return { delivery, wait_ms: change.state !== undefined && isDeadLetter(delivery) ? 0 : wait_ms };
}

function isNews({ before, after }: Moved): boolean {
  return after.state !== before.state;
}

/** To others it is on its way, whoever carries it. */
function isTold({ after }: Moved): boolean {
  return after.state !== 'PENDING' && after.last_error !== NO_RECIPIENT;
}

function noteOf({ after: { delivery_id, state, last_error, version } }: Moved): AuditNote {
  return { operation: state === 'PENDING' ? 'notification.HandOver' : 'notification.Deliver', target: `delivery/${delivery_id}`, result: last_error || state, version };
}

function count({ clock, meters }: Pick<Deps, 'clock' | 'meters'>, { after: { channel, provider, state, last_error, create_time_ms } }: Moved): void {
  if (last_error === NO_RECIPIENT) return;
  meters.reached(channel, provider ?? '', state === 'PENDING' ? 'HANDED_OVER' : state, state === 'DELIVERED' ? clock.now_ms() - create_time_ms : undefined);
}
