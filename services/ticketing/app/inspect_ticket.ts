import type { Clock } from '#kit/base/clock.ts';
import type { ErrorReason } from '#kit/base/errors.ts';
import { judgeScan } from '../domain/inspection.ts';
import type { Ticket } from '../domain/ticket.ts';
import type { Actor, TicketKeys, TicketStore } from './ports.ts';

export type Inspection = { reason: ErrorReason | undefined; ticket: Ticket | undefined };

/** Checks a scanned token; with `admit` the ticket is used up by it. Every inspection is audited, whatever comes of it. */
export async function inspectTicket(
  { store, keys, clock }: { store: TicketStore; keys: TicketKeys; clock: Clock },
  { qr_token, id_last_four, admit }: { qr_token: string; id_last_four: string; admit: boolean },
  actor: Actor,
): Promise<Inspection> {
  const facts = keys.isOurs(qr_token);
  if (facts === undefined) {
    await store.noteInspection('ticket/unknown', 'SIGNATURE_INVALID', actor);
    return { reason: 'SIGNATURE_INVALID', ticket: undefined };
  }
  const ticket = await store.find(facts.ticket_id);
  const last_four = ticket === undefined || id_last_four === '' ? '' : await store.lastFour(facts.ticket_id);
  const reason = judgeScan({ facts, ticket, shown: id_last_four, last_four, admit, now_ms: clock.now_ms() });
  if (reason === undefined && admit) {
    // Of two gates at once one is first.
    if (await store.admit(ticket!, actor)) return { reason: undefined, ticket: { ...ticket!, state: 'USED' } };
    return { reason: 'TICKET_NOT_VALID', ticket: await store.find(facts.ticket_id) };
  }
  await store.noteInspection(`ticket/${facts.ticket_id}`, reason ?? 'ok', actor);
  return { reason, ticket: reason === 'TICKET_NOT_FOUND' ? undefined : ticket };
}
