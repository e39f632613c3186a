/** Looks at everything the load has left, by plain SQL and in Redis, once nothing is under way. */
import { say, step } from '../../say.ts';
import type { SqlValue } from '#kit/store/mysql.ts';
import { findSeat } from '../../../services/inventory/domain/place.ts';
import { openSeatStore } from '../../../services/inventory/store/seats.ts';
import type { Acknowledged, Acknowledgements } from './acknowledged.ts';
import { untilIdle } from './cpu.ts';
import { HOLD_TTL_MS, LAYOUT, runHeader } from './mix.ts';
import { epochsInRedis, takenInRedis } from './oracle_redis.ts';
import { judgeAcknowledged, judgeRun, noFindings, type Findings, type HoldRow, type Place, type Taken } from './oracle_rules.ts';
import type { World } from './world.ts';

const RUNS_AT_ONCE = 50;
/** Holds that are about to run out may be released while they are looked at. */
const NEARLY_MS = 20_000;

type RunRow = { run_no: bigint; run_id: string; bucket: number };

export async function askOracle(world: World, acknowledged: Acknowledgements): Promise<Findings> {
  return step(say, `the oracle looks at ${acknowledged.all.size} acknowledged holds`, `正在核对 ${acknowledged.all.size} 个已确认的预扣`, async () => {
    await untilIdle(world.processes());
    const findings = await judge(world, acknowledged);
    for (const example of findings.examples) say(`oracle: ${example}`, `核对：${example}`);
    return findings;
  });
}

async function judge(world: World, acknowledged: Acknowledgements): Promise<Findings> {
  const findings = noFindings();
  const seats = await openSeatStore(world.redis.client);
  const epochs = await epochsInRedis(seats);
  const runs = await world.db.query<RunRow>('SELECT run_no, run_id, bucket FROM train_run ORDER BY run_no');
  const unseen = new Map(acknowledged.all);
  for (let start = 0; start < runs.length; start += RUNS_AT_ONCE) {
    const page = runs.slice(start, start + RUNS_AT_ONCE);
    const headers = page.map(({ run_no, run_id, bucket }) => ({ ...runHeader(run_id.slice(0, run_id.indexOf('.')), Number(run_no)), bucket }));
    const [holds, ledger, redis] = await Promise.all([holdsOf(world, page), ledgerOf(world, page), takenInRedis(seats, epochs, headers)]);
    for (const { run_no, run_id } of page) {
      const rows = holds.get(run_id) ?? [];
      judgeRun({ run_id, holds: rows, ledger: ledger.get(run_no) ?? new Map(), redis: redis.get(run_id)!.taken, redis_records: redis.get(run_id)!.records }, findings);
      for (const row of rows) judgeTold(unseen, row, findings);
    }
  }
  for (const told of unseen.values()) judgeAcknowledged(told, undefined, indexOf, false, findings);
  return findings;
}

function judgeTold(unseen: Map<string, Acknowledged>, row: HoldRow, findings: Findings): void {
  const told = unseen.get(row.hold_id);
  if (told === undefined) return;
  unseen.delete(row.hold_id);
  judgeAcknowledged(told, row, indexOf, Date.now() - told.at_ms > HOLD_TTL_MS - NEARLY_MS, findings);
}

async function holdsOf({ db }: World, runs: readonly RunRow[]): Promise<Map<string, HoldRow[]>> {
  const rows = await db.query<{ hold_id: string; run_id: string; state: string; places: string }>('SELECT hold_id, run_id, state, places FROM seat_hold WHERE run_no IN (?)', [numbersOf(runs)]);
  return Map.groupBy(rows.map(({ places, ...row }) => ({ ...row, places: placesIn(places) })), ({ run_id }) => run_id);
}

async function ledgerOf({ db }: World, runs: readonly RunRow[]): Promise<Map<bigint, Taken>> {
  const rows = await db.query<{ run_no: bigint; seat: number; occupied: bigint }>('SELECT run_no, seat, occupied FROM seat_ledger WHERE run_no IN (?) AND occupied <> 0', [numbersOf(runs)]);
  return new Map([...Map.groupBy(rows, ({ run_no }) => run_no)].map(([run_no, seats]) => [run_no, new Map(seats.map(({ seat, occupied }) => [seat, BigInt(occupied)]))]));
}

function numbersOf(runs: readonly RunRow[]): SqlValue {
  return runs.map(({ run_no }) => run_no);
}

/** `[[item, class, seat, from, to], …]`, as the column `places` has it. */
function placesIn(text: string): Place[] {
  return (JSON.parse(text) as [string, number, number, number, number][]).map(([, , index, from, to]) => ({ index, from, to }));
}

function indexOf(coach_no: string, seat_no: string): number {
  return findSeat(LAYOUT, coach_no, seat_no)?.index ?? -1;
}
