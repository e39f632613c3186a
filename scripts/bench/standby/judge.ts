/** What became of the requests, judged from outside by the rows of aftersales and inventory. */
import type { Database } from '#kit/store/mysql.ts';
import { kindFromText, type StandbyKind } from '../../../services/aftersales/domain/standby_matching.ts';
import { kindOf } from '../../../services/aftersales/store/standby_queue.ts';
import type { Traveller, Wish } from '../../../services/aftersales/domain/standby.ts';

/** One request of the hot run; `served_ms` when it got its seats. */
export type Judged = { standby_id: string; place: number; kind: StandbyKind; created_ms: number; served_ms: number | undefined };

type Row = { standby_id: bigint; sequence: bigint; priority: number; wishes: string; travellers: string; created_at: Date; locked_at: Date | null; wish_no: number | null };

const SEQUENCE_LIMIT = 2 ** 46;

export async function requestsOf(db: Database, run_id: string): Promise<Judged[]> {
  const rows = await db.query<Row>('SELECT standby_id, sequence, priority, wishes, travellers, created_at, locked_at, wish_no FROM standby');
  return rows.flatMap((row): Judged[] => {
    const wishes = JSON.parse(row.wishes) as Wish[];
    const wish_no = wishes.findIndex((wish) => wish.run_id === run_id);
    if (wish_no < 0) return [];
    const elsewhere = row.locked_at !== null && row.wish_no !== wish_no;
    const travellers = JSON.parse(row.travellers) as Traveller[];
    return elsewhere ? [] : [{
      standby_id: String(row.standby_id), place: row.priority * SEQUENCE_LIMIT + Number(row.sequence), kind: kindFromText(kindOf(wishes[wish_no]!, travellers.length)),
      created_ms: row.created_at.getTime(), served_ms: row.locked_at?.getTime(),
    }];
  });
}

/**
 * Requests that were passed over: somebody behind them got seats that they could have used, all of their stretch on as many
 * seats as they need, while they waited.
 */
export function overtaken(requests: readonly Judged[]): string[] {
  const served = requests.filter(({ served_ms }) => served_ms !== undefined).toSorted((left, right) => left.served_ms! - right.served_ms!);
  const found: string[] = [];
  for (const winner of served) {
    const passed = requests.find((other) => other.place < winner.place && other.created_ms < winner.served_ms! && (other.served_ms === undefined || other.served_ms > winner.served_ms!) && couldUse(other.kind, winner.kind));
    if (passed !== undefined) found.push(`${winner.standby_id} before ${passed.standby_id}`);
  }
  return found;
}

function couldUse(own: StandbyKind, taken: StandbyKind): boolean {
  return own.from >= taken.from && own.to <= taken.to && own.size <= taken.size && taken.classes.every((seat_class) => own.classes.includes(seat_class));
}

type Place = [item: string, class_code: number, seat: number, from: number, to: number];

/** Seats on segments that more than one live hold has, or that the ledger has otherwise than the holds. */
export async function oversold(db: Database): Promise<number> {
  const rows = await db.query<{ run_no: bigint; places: string }>("SELECT run_no, places FROM seat_hold WHERE state IN ('HELD', 'SOLD')");
  const masks = new Map<string, bigint>();
  let twice = 0;
  for (const { run_no, places } of rows) {
    for (const [, class_code, seat, from, to] of JSON.parse(places) as Place[]) {
      const key = `${run_no}/${class_code}/${seat}`;
      const mask = (1n << BigInt(to)) - (1n << BigInt(from));
      if (((masks.get(key) ?? 0n) & mask) !== 0n) twice += 1;
      masks.set(key, (masks.get(key) ?? 0n) | mask);
    }
  }
  const ledger = await db.query<{ run_no: bigint; class_code: number; seat: number; occupied: bigint }>('SELECT run_no, class_code, seat, occupied FROM seat_ledger WHERE occupied <> 0');
  const differ = ledger.filter(({ run_no, class_code, seat, occupied }) => masks.get(`${run_no}/${class_code}/${seat}`) !== BigInt(occupied)).length;
  return twice + differ + Math.max(0, masks.size - ledger.length);
}

/** Matched seats by hold id, as `<seat> <from> <to>`. */
export async function matchedSeats(db: Database): Promise<Map<string, { seat: number; from: number; to: number }[]>> {
  const rows = await db.query<{ hold_id: string; places: string }>("SELECT hold_id, places FROM seat_hold WHERE hold_id LIKE 'match-%'");
  return new Map(rows.map(({ hold_id, places }) => [hold_id.split('-')[1]!, (JSON.parse(places) as Place[]).map(([, , seat, from, to]) => ({ seat, from, to }))]));
}
