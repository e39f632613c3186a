import { isDuplicateKey } from '#kit/store/errors.ts';
import type { SqlValue, Tx } from '#kit/store/mysql.ts';
import type { PassengerChange, PassengerRows, StoredPassenger } from '../app/ports.ts';
import type { IdType, PassengerType, VerifyState } from '../domain/passenger.ts';
import { PassengerEntity } from './entities.ts';
import type { PassengerRow } from './entities.ts';
import type { Vault } from './vault.ts';

export function passengerRows(tx: Tx, vault: Vault): PassengerRows {
  return {
    async insert(passenger, person_index, wait_ms) {
      try {
        await tx.em.insert(PassengerEntity, toRow(passenger, person_index, vault));
      } catch (error) {
        if (isDuplicateKey(error, 'passenger_person')) return false;
        throw error;
      }
      await setDue(tx, passenger.passenger_id, wait_ms);
      return true;
    },
    async ofAccount(account_id) {
      const rows = await tx.em.find(PassengerEntity, { account_id, removed_as: 0n }, { orderBy: { passenger_id: 'asc' } });
      return rows.map((row) => fromRow(row, vault));
    },
    async byIds(account_id, passenger_ids) {
      const rows = await tx.em.find(PassengerEntity, { account_id, passenger_id: { $in: [...passenger_ids] } }, { refresh: true });
      return rows.map((row) => ({ ...fromRow(row, vault), person_index: row.person_index }));
    },
    async byId(passenger_id) {
      const row = await tx.em.findOne(PassengerEntity, { passenger_id }, { refresh: true });
      return row === null ? undefined : fromRow(row, vault);
    },
    async change({ passenger_id, version }, to) {
      const { sql, params } = assignments(to, passenger_id, vault);
      const changed = await tx.execute(`UPDATE passenger SET ${sql}, version = version + 1, attempts = 0 WHERE passenger_id = ? AND version = ?`, [...params, passenger_id, version]);
      if (changed.affected_rows !== 1) return false;
      if (to.wait_ms !== undefined) await setDue(tx, passenger_id, to.wait_ms);
      return true;
    },
  };
}

/** The sweeper compares with the database's clock, so the database adds the wait. */
async function setDue(tx: Tx, passenger_id: bigint, wait_ms: number | null): Promise<void> {
  await tx.execute('UPDATE passenger SET next_action_time = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND WHERE passenger_id = ?', [wait_ms === null ? null : wait_ms * 1000, passenger_id]);
}

function assignments(to: PassengerChange, passenger_id: bigint, vault: Vault): { sql: string; params: SqlValue[] } {
  const set: [column: string, value: SqlValue][] = [];
  if (to.passenger_type !== undefined) set.push(['passenger_type', to.passenger_type]);
  if (to.phone !== undefined) set.push(['phone_sealed', vault.seal(to.phone ?? undefined, 'passenger.phone', passenger_id)]);
  if (to.removed) set.push(['removed_as', passenger_id]);
  if (to.verify_state !== undefined) set.push(['verify_state', to.verify_state]);
  if (to.verify_round !== undefined) set.push(['verify_round', to.verify_round]);
  if (to.verify_tries !== undefined) set.push(['verify_tries', to.verify_tries]);
  if (set.length === 0) set.push(['attempts', 0]);
  return { sql: set.map(([column]) => `${column} = ?`).join(', '), params: set.map(([, value]) => value) };
}

function toRow(passenger: StoredPassenger, person_index: Uint8Array, vault: Vault): PassengerRow & { attempts: number } {
  const { passenger_id, account_id, name, id_type, id_number, passenger_type, phone, verify_state, verify_round, verify_tries, version } = passenger;
  return {
    passenger_id,
    account_id,
    person_index: Buffer.from(person_index),
    name_sealed: vault.seal(name, 'passenger.name', passenger_id)!,
    id_type,
    id_number_sealed: vault.seal(id_number, 'passenger.id_number', passenger_id)!,
    passenger_type,
    phone_sealed: vault.seal(phone, 'passenger.phone', passenger_id),
    verify_state,
    verify_round,
    verify_tries,
    create_time: new Date(passenger.create_time_ms),
    removed_as: 0n,
    version,
    attempts: 0,
  } as PassengerRow & { attempts: number };
}

export function fromRow(row: PassengerRow, vault: Vault): StoredPassenger {
  const { passenger_id } = row;
  return {
    passenger_id,
    account_id: row.account_id,
    name: vault.open(row.name_sealed, 'passenger.name', passenger_id) ?? '',
    id_type: row.id_type as IdType,
    id_number: vault.open(row.id_number_sealed, 'passenger.id_number', passenger_id) ?? '',
    passenger_type: row.passenger_type as PassengerType,
    phone: vault.open(row.phone_sealed, 'passenger.phone', passenger_id),
    verify_state: row.verify_state as VerifyState,
    verify_round: row.verify_round,
    verify_tries: row.verify_tries,
    create_time_ms: row.create_time.getTime(),
    removed: row.removed_as !== 0n,
    version: row.version,
  };
}
