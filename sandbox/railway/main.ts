// The national railway: its timetable, and the register of tickets that gates and train crews read.
//
//   GET  /v1/timetable?known=<sha256>      {unchanged: true}, or {unchanged: false, feed_checksum, feed_bytes, part_count} of a GTFS zip
//   GET  /v1/timetable/{feed_checksum}/parts/{part_no}      {part_no, part_base64}
//   GET  /v1/run-changes?after=<sequence>  {changes: [{change, checksum}], more}: runs that differ from the timetable (changes.ts)
//   POST /v1/registrations {registration_id, run_id, coach_no, seat_no, seats, from_station_id, to_station_id, name, id_type, id_number}
//                                          → {registration_id, railway_ref, state: REGISTERED | VOID}
//   POST /v1/registrations {registrations: [the same, at most 500]}
//                                          → {registrations: [{status: 200, …} | {status: 409, error}]}, one for each in order
//   GET  /v1/registrations/{registration_id}     POST /v1/registrations/{registration_id}/void
//
// Idempotent by registration_id. The feed file (RAILWAY_FEED_FILE) is read again when it changes. Names and numbers are not
// kept, only that a person was named. Dispatchers change runs by POST /sandbox/run-changes. Knobs besides those of all sandboxes:
// `registration_refused`, `truncated_feed`, `garbled_change`. Of many that are registered together each can be struck by itself, by
// a rule on /v1/registrations/{registration_id}: with `fail`, `timeout_after_success` (it is registered, its answer says 504) and
// `registration_refused`.
import { z } from 'zod';
import { port, readConfig } from '#kit/run/config.ts';
import { runMain } from '#kit/run/lifecycle.ts';
import { Refusal } from '../shared/route.ts';
import type { Route } from '../shared/route.ts';
import { SANDBOX_CONFIG, startSandbox } from '../shared/sandbox.ts';
import type { Sandbox, SandboxParts } from '../shared/sandbox.ts';
import type { RunChange } from '../../timetable/run_change.ts';
import { changeRoutes, RunChanges } from './changes.ts';
import { feedRoutes } from './feed.ts';

export const configSchema = z.object({ ...SANDBOX_CONFIG, railway_http_port: port.default(0), railway_feed_file: z.string().optional() });

export function start(config: z.output<typeof configSchema>): Promise<Sandbox> {
  return startSandbox('railway', config.railway_http_port, config, (parts) => build(parts, config.railway_feed_file));
}

const REGISTRATION = z.object({
  registration_id: z.string().regex(/^[\w-]{1,64}$/),
  run_id: z.string().min(1).max(64),
  coach_no: z.string().max(8),
  seat_no: z.string().max(16),
  /** All seats in the order of travel, where they are changed on the way. */
  seats: z.array(z.object({ coach_no: z.string().max(8), seat_no: z.string().max(16), from_index: z.number().int().min(0), to_index: z.number().int().min(1) })).max(8).optional(),
  from_station_id: z.string().min(1),
  to_station_id: z.string().min(1),
  name: z.string().min(1).max(100),
  id_type: z.string().min(1),
  id_number: z.string().min(1).max(40),
});

/** Each is looked at by itself: one that is malformed is refused alone. */
const MANY = z.object({ registrations: z.array(z.unknown()).min(1).max(500) });

const IDENTIFIED = REGISTRATION.pick({ registration_id: true });

type Registration = { registration_id: string; railway_ref: string; state: 'REGISTERED' | 'VOID'; run_id: string; seat: string };

const PATH = '/v1/registrations';

async function build({ faults, openJournal }: SandboxParts, feed_file: string | undefined): Promise<Route[]> {
  const known = new Map<string, Registration>();
  const changes = new RunChanges();
  const journal = await openJournal<Registration | { change: RunChange }>((record) => {
    if ('change' in record) changes.take(record.change);
    else known.set(record.registration_id, record);
  });
  const put = async (registration: Registration): Promise<Registration> => {
    known.set(registration.registration_id, registration);
    await journal.append(registration);
    return registration;
  };
  const find = (registration_id: string | undefined): Registration => {
    const registration = known.get(registration_id ?? '');
    if (registration === undefined) throw new Refusal(404, 'REGISTRATION_UNKNOWN');
    return registration;
  };
  const register = async (wanted: unknown): Promise<Registration> => {
    const parsed = REGISTRATION.safeParse(wanted);
    if (!parsed.success) throw new Refusal(400, 'FIELD_INVALID');
    const { registration_id, run_id, coach_no, seat_no, seats = [{ coach_no, seat_no }] } = parsed.data;
    const first = known.get(registration_id);
    if (first !== undefined) return first;
    if (faults.take(PATH, 'registration_refused') !== undefined) throw new Refusal(409, 'REGISTRATION_REFUSED');
    const railway_ref = `E${String(known.size + 1).padStart(9, '0')}`;
    return put({ registration_id, railway_ref, state: 'REGISTERED', run_id, seat: seats.map((seat) => `${seat.coach_no}-${seat.seat_no}`).join(',') });
  };
  const outcomeOf = async (wanted: unknown) => {
    const path = `${PATH}/${IDENTIFIED.safeParse(wanted).data?.registration_id}`;
    try {
      const failing = faults.take(path, 'fail');
      if (failing !== undefined) throw new Refusal(failing.status ?? 500, 'OUT_OF_ORDER');
      if (faults.take(path, 'registration_refused') !== undefined) throw new Refusal(409, 'REGISTRATION_REFUSED');
      const registration = await register(wanted);
      if (faults.take(path, 'timeout_after_success') !== undefined) throw new Refusal(504, 'NO_ANSWER');
      return { status: 200, ...view(registration) };
    } catch (error) {
      if (error instanceof Refusal) return { status: error.status, error: error.reason };
      throw error;
    }
  };
  return [
    ...feedRoutes(feed_file, faults),
    ...changeRoutes(changes, faults, (change) => journal.append({ change })),
    {
      method: 'POST',
      path: PATH,
      signed: true,
      async handle({ json }) {
        const many = MANY.safeParse(json);
        return { json: many.success ? { registrations: await Promise.all(many.data.registrations.map(outcomeOf)) } : view(await register(json)) };
      },
    },
    { method: 'GET', path: `${PATH}/:registration_id`, signed: true, handle: ({ params }) => ({ json: view(find(params.registration_id)) }) },
    { method: 'POST', path: `${PATH}/:registration_id/void`, signed: true, handle: async ({ params }) => ({ json: view(await put({ ...find(params.registration_id), state: 'VOID' })) }) },
  ];
}

function view({ registration_id, railway_ref, state }: Registration) {
  return { registration_id, railway_ref, state };
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
