/** What the wiring of inventory gets instead of its stores: the same, with points around each call. */
import { openDatabase as openRealDatabase, type Database } from '#kit/store/mysql.ts';
import { openLedger as openRealLedger } from '../../services/inventory/store/ledger/index.ts';
import { openSeatStore as openRealSeatStore } from '../../services/inventory/store/seats.ts';
import { doomed, doomedDatabase } from './points.ts';

export async function openSeatStore(...args: Parameters<typeof openRealSeatStore>): ReturnType<typeof openRealSeatStore> {
  return doomed('seats', await openRealSeatStore(...args));
}

export function openLedger(...args: Parameters<typeof openRealLedger>): ReturnType<typeof openRealLedger> {
  return doomed('ledger', openRealLedger(...args));
}

export async function openDatabase(...args: Parameters<typeof openRealDatabase>): Promise<Database> {
  return doomedDatabase(await openRealDatabase(...args));
}
