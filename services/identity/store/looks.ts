import { auditInsert, type AuditEntry } from '#kit/audit/audit.ts';
import type { Clock } from '#kit/base/clock.ts';
import { systemTimers } from '#kit/base/timers.ts';
import { company } from '#kit/run/company.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { Looks } from '../app/ports.ts';
import type { PassengerRow } from './entities.ts';
import { fromRow } from './passenger_rows.ts';
import type { Vault } from './vault.ts';

/** So long a look waits for company: a packet costs more than what is in it. */
const COMPANY_MS = 5;
/** A look waited for company already; those that waited together come here together. */
const NOTE_COMPANY_MS = 1;
/** Waiting: more than the server lets in, so that nobody is refused here. */
const LIMITS = { together_max: 64, batches_max: 4, waiting_max: 2_000, timers: systemTimers };

type Wanted = { account_id: bigint; passenger_ids: readonly bigint[] };

/** Looks of all callers of a moment in one SELECT, and their records in one INSERT. Nothing is remembered. */
export function createLooks(db: Database, vault: Vault, clock: Clock): Looks {
  const passengers = company({ ...LIMITS, wait_ms: COMPANY_MS, run: (wanted: readonly Wanted[]) => select(db, wanted) });
  const notes = company({ ...LIMITS, wait_ms: NOTE_COMPANY_MS, run: (entries: readonly AuditEntry[]) => insert(db, vault, entries) });
  return {
    async passengers(account_id, passenger_ids) {
      const rows = await passengers.join({ account_id, passenger_ids });
      return rows.map((row) => ({ ...fromRow(row, vault), person_index: row.person_index }));
    },
    async note({ account_id, service, device_id, ip }, note) {
      await notes.join({ actor_account: account_id, actor_service: service, device_id, ip, time: new Date(clock.now_ms()), ...note });
    },
  };
}

async function select(db: Database, wanted: readonly Wanted[]): Promise<PassengerRow[][]> {
  const ids = new Set(wanted.flatMap(({ passenger_ids }) => passenger_ids));
  const rows = ids.size === 0 ? [] : await db.query<PassengerRow>(`SELECT ${COLUMNS} FROM passenger WHERE passenger_id IN (?)`, [[...ids]]);
  // Whose passenger it is, is asked for each caller again: ids of others are nobody's here.
  return wanted.map(({ account_id, passenger_ids }) => rows.filter((row) => row.account_id === account_id && passenger_ids.includes(row.passenger_id)));
}

const COLUMNS = `passenger_id, account_id, person_index, name_sealed, id_type, id_number_sealed, passenger_type, phone_sealed,
  verify_state, verify_round, verify_tries, create_time, removed_as, version`;

/** Those of one statement are kept or refused together. */
async function insert(db: Database, vault: Vault, entries: readonly AuditEntry[]): Promise<true[]> {
  const { sql, params } = auditInsert(vault, entries);
  await db.query(sql, params);
  return entries.map(() => true);
}
