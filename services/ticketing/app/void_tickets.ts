import type { Clock } from '#kit/base/clock.ts';
import type { Result } from '#kit/base/result.ts';
import { isSettled, REGISTRATION_SETTLED_MS, type Ticket } from '../domain/ticket.ts';
import type { Actor, Railway, TicketStore } from './ports.ts';

export type VoidDeps = { store: TicketStore; railway: Railway; clock: Clock };

/**
 * Voids tickets here, which is what counts at gates and in the revocation set; the railway hears of it by the sweeper.
 * What is still being issued for the items is given up.
 */
export async function voidTickets(deps: VoidDeps, wanted: { order_id: bigint; item_ids: readonly string[]; reason: string }, actor: Actor): Promise<Result<Ticket[]>> {
  const { order_id, item_ids, reason } = wanted;
  for (const issue_id of await deps.store.issuing(order_id, item_ids)) await deps.store.abort(issue_id, 'VOIDED');
  return deps.store.voidTickets(order_id, item_ids, reason, actor);
}

/** The sweeper's turn with a ticket that the railway must forget. Throws when the railway could not be asked. */
export async function driveVoid(deps: VoidDeps, ticket_id: bigint, signal: AbortSignal): Promise<{ again_in_ms: number } | undefined> {
  const ticket = await deps.store.find(ticket_id);
  if (ticket === undefined || !mustForget(ticket)) return undefined;
  const outcome = await voidAtRailway(deps, ticket, signal);
  if (outcome === 'unreachable') throw new Error('the railway did not void the registration');
  if (outcome === 'unsettled') return { again_in_ms: REGISTRATION_SETTLED_MS };
  await deps.store.finishAbort(ticket.issue_id, false);
  return undefined;
}

/** `unsettled`: the railway does not know it, but a registration that was sent may still arrive there. */
export async function voidAtRailway({ store, railway, clock }: VoidDeps, ticket: Ticket, signal?: AbortSignal): Promise<'done' | 'unsettled' | 'unreachable'> {
  const answer = await railway.void(ticket, signal);
  if (!answer.ok && answer.problem !== 'unknown') return 'unreachable';
  if (!answer.ok && !isSettled(ticket, clock.now_ms())) return 'unsettled';
  await store.markVoided(ticket.ticket_id);
  return 'done';
}

/** A refusal is one request's answer: another one for the same ticket may have been taken and its answer lost. */
function mustForget({ state, railway_state }: Ticket): boolean {
  return railway_state === 'VOID_DUE' || (railway_state === 'REFUSED' && state === 'VOID');
}
