// The national railway: its timetable, and the register of tickets that gates and train crews read.
//
//   GET  /v1/timetable?known=<sha256>      {unchanged: true}, or {unchanged: false, feed_checksum, feed_base64} (a GTFS zip)
//   POST /v1/registrations {registration_id, run_id, coach_no, seat_no, seats, from_station_id, to_station_id, name, id_type, id_number}
//                                          → {registration_id, railway_ref, state: REGISTERED | VOID}
//   GET  /v1/registrations/{registration_id}     POST /v1/registrations/{registration_id}/void
//
// Idempotent by registration_id. The feed file (RAILWAY_FEED_FILE) is read again when it changes. Names and numbers are not
// kept, only that a person was named. Knobs besides those of all sandboxes: `registration_refused`, `truncated_feed`.
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { port, readConfig } from '#kit/run/config.ts';
import { runMain } from '#kit/run/lifecycle.ts';
import { Refusal } from '../shared/route.ts';
import type { Route } from '../shared/route.ts';
import { SANDBOX_CONFIG, startSandbox } from '../shared/sandbox.ts';
import type { Sandbox, SandboxParts } from '../shared/sandbox.ts';

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

type Registration = { registration_id: string; railway_ref: string; state: 'REGISTERED' | 'VOID'; run_id: string; seat: string };

const PATH = '/v1/registrations';

async function build({ faults, openJournal }: SandboxParts, feed_file: string | undefined): Promise<Route[]> {
  const known = new Map<string, Registration>();
  const journal = await openJournal<Registration>((registration) => known.set(registration.registration_id, registration));
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
  return [
    {
      method: 'GET',
      path: '/v1/timetable',
      signed: true,
      async handle({ query }) {
        if (feed_file === undefined) throw new Refusal(404, 'NO_TIMETABLE');
        const { bytes, feed_checksum } = await readFeed(feed_file);
        if (query.get('known') === feed_checksum) return { json: { unchanged: true } };
        const sent = faults.take('/v1/timetable', 'truncated_feed') === undefined ? bytes : bytes.subarray(0, bytes.length >> 1);
        return { json: { unchanged: false, feed_checksum, feed_base64: sent.toString('base64') } };
      },
    },
    {
      method: 'POST',
      path: PATH,
      signed: true,
      async handle({ json }) {
        const parsed = REGISTRATION.safeParse(json);
        if (!parsed.success) throw new Refusal(400, 'FIELD_INVALID');
        const { registration_id, run_id, coach_no, seat_no, seats = [{ coach_no, seat_no }] } = parsed.data;
        const first = known.get(registration_id);
        if (first !== undefined) return { json: view(first) };
        if (faults.take(PATH, 'registration_refused') !== undefined) throw new Refusal(409, 'REGISTRATION_REFUSED');
        const railway_ref = `E${String(known.size + 1).padStart(9, '0')}`;
        return { json: view(await put({ registration_id, railway_ref, state: 'REGISTERED', run_id, seat: seats.map((seat) => `${seat.coach_no}-${seat.seat_no}`).join(',') })) };
      },
    },
    { method: 'GET', path: `${PATH}/:registration_id`, signed: true, handle: ({ params }) => ({ json: view(find(params.registration_id)) }) },
    { method: 'POST', path: `${PATH}/:registration_id/void`, signed: true, handle: async ({ params }) => ({ json: view(await put({ ...find(params.registration_id), state: 'VOID' })) }) },
  ];
}

function view({ registration_id, railway_ref, state }: Registration) {
  return { registration_id, railway_ref, state };
}

let read: { file: string; mtime_ms: number; bytes: Buffer; feed_checksum: string } | undefined;

async function readFeed(file: string): Promise<{ bytes: Buffer; feed_checksum: string }> {
  const { mtimeMs: mtime_ms } = await stat(file);
  if (read?.file !== file || read.mtime_ms !== mtime_ms) {
    const bytes = await readFile(file);
    read = { file, mtime_ms, bytes, feed_checksum: createHash('sha256').update(bytes).digest('hex') };
  }
  return read;
}

if (import.meta.main) await runMain(() => start(readConfig(configSchema)));
