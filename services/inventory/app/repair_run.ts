import { fromHex } from '#kit/base/bytes.ts';
import { freeParts } from '../domain/free_parts.ts';
import type { Hold } from '../domain/hold.ts';
import { expectedImage, readRuns, withoutRecord, type Reading } from './compare_run.ts';
import type { Parts } from './parts.ts';
import type { SeatRecord } from './ports.ts';
import { recordOf } from './records.ts';

/**
 * Brings Redis to what the ledger says of one run. First holds: those that never came into the ledger get their tombstone
 * and are freed by their record; over ones are freed by it; held ones without a record get it back. Then bits, by a
 * function that refuses when the run has moved on since it was read. False when it had: read and try again.
 */
export async function repairRun(parts: Parts, reading: Reading): Promise<boolean> {
  for (const record of reading.snapshot.records) await settleRecord(parts, reading, record);
  for (const hold of withoutRecord(reading)) await parts.seats.reclaim(reading.run, reading.epoch, recordOf(hold));
  const after = (await readRuns(parts, [reading.run])).readings[0];
  if (after === undefined) return false;
  const { status } = await parts.seats.repair(after.run, after.epoch, after.snapshot.version, expectedImage(after));
  if (status === 'OK') parts.onChanged([after.run.run_id]);
  return status === 'OK';
}

async function settleRecord(parts: Parts, { run, epoch, known, bits }: Reading, record: SeatRecord): Promise<void> {
  const hold = known.get(record.hold_id);
  if (hold?.state === 'HELD') return;
  if (hold?.state === 'SOLD') {
    await parts.seats.sell(run, epoch, record);
    return;
  }
  if (hold === undefined && !(await bury(parts, { run, epoch }, record))) return;
  const freed = record.places.flatMap((place) => freeParts(place, bits.occupied.get(place.class_code)?.get(place.index) ?? 0n));
  await parts.seats.release(run, epoch, { ...record, freed, stays: [] });
}

function bury(parts: Parts, { run, epoch }: Pick<Reading, 'run' | 'epoch'>, { hold_id, owner, body }: SeatRecord): Promise<boolean> {
  const body_hash: Hold['body_hash'] = fromHex(body) ?? new Uint8Array(16);
  return parts.ledger.tombstone({ hold_id, run, epoch, owner, body_hash, reason: 'reconciled: never committed' });
}
