import { z } from 'zod';
import type { ExternalClient } from '#kit/external/http.ts';
import type { Railway, RailwayAnswer } from '../app/ports.ts';
import { registrationId } from '../domain/ticket.ts';

const REGISTRATION = z.object({ railway_ref: z.string().min(1).max(64), state: z.enum(['REGISTERED', 'VOID']) });

/** The national railway's register over signed HTTP. Both calls are idempotent there, by our registration id. */
export function railwayOver(client: ExternalClient): Railway {
  async function call(wanted: 'REGISTERED' | 'VOID', path: string, body: unknown, signal: AbortSignal | undefined): Promise<RailwayAnswer> {
    const outcome = await client.call({ method: 'POST', path, body, signal });
    if (!outcome.ok) return { ok: false, problem: 'unreachable', detail: `${outcome.error.problem}: ${outcome.error.detail}` };
    const { status, body: answer } = outcome.value;
    if (status === 404) return { ok: false, problem: 'unknown', detail: 'unknown there' };
    // Throttled or told to wait: not a word about the registration.
    if (status === 408 || status === 425 || status === 429 || status === 401) return { ok: false, problem: 'unreachable', detail: `status ${status}` };
    if (status >= 400) return { ok: false, problem: 'refused', detail: `with ${status}` };
    const parsed = REGISTRATION.safeParse(answer);
    if (!parsed.success) return { ok: false, problem: 'unreachable', detail: 'the answer is malformed' };
    if (parsed.data.state !== wanted) return { ok: false, problem: 'refused', detail: `is ${parsed.data.state} there` };
    return { ok: true, railway_ref: parsed.data.railway_ref };
  }
  return {
    register: (ticket, person, signal) =>
      call('REGISTERED', '/v1/registrations', {
        registration_id: registrationId(ticket),
        run_id: ticket.journey.run_id,
        coach_no: ticket.seat_parts[0]!.seat.coach_no,
        seat_no: ticket.seat_parts[0]!.seat.seat_no,
        seats: ticket.seat_parts.map(({ seat, from_index, to_index }) => ({ coach_no: seat.coach_no, seat_no: seat.seat_no, from_index, to_index })),
        from_station_id: ticket.journey.from_station_id,
        to_station_id: ticket.journey.to_station_id,
        name: person.name,
        id_type: person.id_type,
        id_number: person.id_number,
      }, signal),
    void: (ticket, signal) => call('VOID', `/v1/registrations/${registrationId(ticket)}/void`, {}, signal),
  };
}
