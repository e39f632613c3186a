import type { Clock } from '#kit/base/clock.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { fail, ok, type Result } from '#kit/base/result.ts';
import { isUuid7 } from '#kit/base/uuid7.ts';
import { isAdmittedBy, judgeScan } from '../domain/inspection.ts';
import { admissionOf, type Ticket } from '../domain/ticket.ts';
import type { Actor, LateRuns, TicketKeys, TicketStore } from './ports.ts';

export type Inspection = { reason: ErrorReason | undefined; ticket: Ticket | undefined };
export type InspectionRequest = { qr_token: string; id_last_four: string; admit: boolean; request_id: string };

/**
 * Checks a scanned token; with `admit` the ticket is used up by it, once for a request id: a repeat is told the same. Every
 * inspection is audited, whatever comes of it. REQUEST_ID_INVALID, and REQUEST_ID_REUSED when it admitted another ticket.
 */
export async function inspectTicket(
  { store, late, keys, clock }: { store: TicketStore; late: LateRuns; keys: TicketKeys; clock: Clock },
  { qr_token, id_last_four, admit, request_id }: InspectionRequest,
  actor: Actor,
): Promise<Result<Inspection>> {
  if (request_id !== '' && !isUuid7(request_id)) return fail('REQUEST_ID_INVALID');
  const facts = keys.isOurs(qr_token);
  if (facts === undefined) {
    await store.noteInspection('ticket/unknown', 'SIGNATURE_INVALID', actor);
    return ok({ reason: 'SIGNATURE_INVALID', ticket: undefined });
  }
  const ticket = await store.find(facts.ticket_id);
  const last_four = ticket === undefined || id_last_four === '' ? '' : await store.lastFour(facts.ticket_id);
  const admission = admissionOf(actor.account_id, request_id);
  const now_ms = clock.now_ms();
  const run_until_ms = ticket !== undefined && now_ms > ticket.not_after_ms ? await late.until_ms(ticket.journey.run_id) : undefined;
  const reason = judgeScan({ facts, ticket, run_until_ms, shown: id_last_four, last_four, admit, admission, now_ms });
  if (reason === undefined && admit && !isAdmittedBy(ticket!, admission)) return admitOnce(store, ticket!, admission, actor);
  await store.noteInspection(`ticket/${facts.ticket_id}`, reason ?? 'ok', actor);
  return ok({ reason, ticket: reason === 'TICKET_NOT_FOUND' ? undefined : ticket });
}

/** Of two gates at once one is first; of one gate that asks twice at once both are told the same. */
async function admitOnce(store: TicketStore, ticket: Ticket, admission: string, actor: Actor): Promise<Result<Inspection>> {
  const outcome = await store.admit(ticket, admission, actor);
  if (outcome === 'reused') return fail('REQUEST_ID_REUSED');
  if (outcome === 'admitted') return ok({ reason: undefined, ticket: { ...ticket, state: 'USED', admission } });
  const now = await store.find(ticket.ticket_id);
  return ok({ reason: now !== undefined && isAdmittedBy(now, admission) ? undefined : 'TICKET_NOT_VALID', ticket: now });
}
