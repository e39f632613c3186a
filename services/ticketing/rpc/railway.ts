import { z } from 'zod';
import type { ExternalClient } from '#kit/external/http.ts';
import type { Person, Railway, RailwayAnswer } from '../app/ports.ts';
import { registrationId, type Ticket } from '../domain/ticket.ts';

const REGISTRATION = z.object({ railway_ref: z.string().min(1).max(64), state: z.enum(['REGISTERED', 'VOID']) });
const REGISTRATIONS = z.object({ registrations: z.array(z.object({ status: z.number().int() }).loose()) });

/** More tickets are registered by several requests. */
const REGISTRATIONS_MAX = 256;
/** Not a word about the registration: throttled, told to wait, or not believed. */
const NO_ANSWER: ReadonlySet<number> = new Set([401, 408, 425, 429]);

/** The national railway's register over signed HTTP. Both calls are idempotent there, by our registration id. */
export function railwayOver(client: ExternalClient): Railway {
  async function post(path: string, body: unknown, signal: AbortSignal | undefined): Promise<{ status: number; answer: unknown } | Extract<RailwayAnswer, { ok: false }>> {
    const outcome = await client.call({ method: 'POST', path, body, signal });
    if (!outcome.ok) return { ok: false, problem: 'unreachable', detail: `${outcome.error.problem}: ${outcome.error.detail}` };
    return { status: outcome.value.status, answer: outcome.value.body };
  }

  /** A request that is refused as a whole says nothing of its parts, unless it has but one: each is asked for alone then. */
  async function registerAll(wanted: readonly Wanted[], signal: AbortSignal | undefined): Promise<RailwayAnswer[]> {
    const posted = await post(PATH, { registrations: wanted.map(registrationOf) }, signal);
    if ('ok' in posted) return wanted.map(() => posted);
    const { status, answer } = posted;
    if (status >= 400 && wanted.length > 1 && !NO_ANSWER.has(status)) {
      const alone: RailwayAnswer[] = [];
      for (const one of wanted) alone.push(...(await registerAll([one], signal)));
      return alone;
    }
    if (status >= 400) return wanted.map(() => judged('REGISTERED', status, answer));
    const parsed = REGISTRATIONS.safeParse(answer);
    return wanted.map((_, index) => {
      const one = parsed.data?.registrations[index];
      return one === undefined ? MALFORMED : judged('REGISTERED', one.status, one);
    });
  }

  return {
    async register(wanted, signal) {
      const answers: RailwayAnswer[] = [];
      for (let start = 0; start < wanted.length; start += REGISTRATIONS_MAX) answers.push(...(await registerAll(wanted.slice(start, start + REGISTRATIONS_MAX), signal)));
      return answers;
    },
    async void(ticket, signal) {
      const posted = await post(`${PATH}/${registrationId(ticket)}/void`, {}, signal);
      return 'ok' in posted ? posted : judged('VOID', posted.status, posted.answer);
    },
  };
}

type Wanted = { ticket: Ticket; person: Person };

const PATH = '/v1/registrations';
const MALFORMED: RailwayAnswer = { ok: false, problem: 'unreachable', detail: 'the answer is malformed' };

/** What a status and its body say of one registration. */
function judged(wanted: 'REGISTERED' | 'VOID', status: number, answer: unknown): RailwayAnswer {
  if (status === 404) return { ok: false, problem: 'unknown', detail: 'unknown there' };
  if (NO_ANSWER.has(status) || status >= 500) return { ok: false, problem: 'unreachable', detail: `status ${status}` };
  if (status >= 400) return { ok: false, problem: 'refused', detail: `with ${status}` };
  const parsed = REGISTRATION.safeParse(answer);
  if (!parsed.success) return MALFORMED;
  if (parsed.data.state !== wanted) return { ok: false, problem: 'refused', detail: `is ${parsed.data.state} there` };
  return { ok: true, railway_ref: parsed.data.railway_ref };
}

function registrationOf({ ticket, person }: Wanted) {
  const { journey, seat_parts } = ticket;
  return {
    registration_id: registrationId(ticket),
    run_id: journey.run_id,
    coach_no: seat_parts[0]!.seat.coach_no,
    seat_no: seat_parts[0]!.seat.seat_no,
    seats: seat_parts.map(({ seat, from_index, to_index }) => ({ coach_no: seat.coach_no, seat_no: seat.seat_no, from_index, to_index })),
    from_station_id: journey.from_station_id,
    to_station_id: journey.to_station_id,
    name: person.name,
    id_type: person.id_type,
    id_number: person.id_number,
  };
}
