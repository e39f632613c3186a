/** At rest Redis has the bits of the ledger: counted bit by bit, for every run that is on sale. */
import { finding, type Finding } from '../finding.ts';
import type { World } from '../world.ts';

const LOOK = 'the run\'s keys {b<bucket>}:v2:run:<run_id>:*; InventoryService.Reconcile names the difference';
const RUNS_AT_ONCE = 200;

type Run = { run_no: string; run_id: string; bucket: number; segments: number; layout_hash: string; standing_capacity: number };

export async function redisFindings(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  const runs = await world.rows<Run>('SELECT run_no, run_id, bucket, segments, layout_hash, standing_capacity FROM chunyun_inventory.train_run WHERE sale_end_at > UTC_TIMESTAMP(3)');
  const seat_counts = new Map((await world.rows<{ key: string; seats: number }>("SELECT CONCAT(layout_hash, '/', class_code) AS `key`, COUNT(*) AS seats FROM chunyun_inventory.layout_seat GROUP BY layout_hash, class_code")).map(({ key, seats }) => [key, Number(seats)]));
  const occupied = new Map((await world.rows<{ key: string; occupied: string }>("SELECT CONCAT(run_no, '/', class_code, '/', seat) AS `key`, occupied FROM chunyun_inventory.seat_ledger WHERE occupied <> 0")).map((row) => [row.key, BigInt(row.occupied)]));
  const used = new Map((await world.rows<{ key: string; used: number }>("SELECT CONCAT(run_no, '/', segment) AS `key`, used FROM chunyun_inventory.standing_ledger")).map((row) => [row.key, row.used]));
  const epochs = new Map((await world.rows<{ bucket: number; epoch: number }>('SELECT bucket, epoch FROM chunyun_inventory.bucket_epoch')).map(({ bucket, epoch }) => [bucket, epoch]));
  for (const bucket of new Set(runs.map((run) => run.bucket))) {
    const [epoch, open] = await world.redis.hmget(`{b${bucket}}:v2:bucket`, 'epoch', 'open');
    if (Number(epoch) !== epochs.get(bucket) || open !== '1') findings.push(finding('redis', [bucket], `the bucket has epoch ${epoch}, open ${open} in Redis and epoch ${epochs.get(bucket)} in the ledger`, LOOK));
  }
  for (let start = 0; start < runs.length; start += RUNS_AT_ONCE) {
    const some = runs.slice(start, start + RUNS_AT_ONCE);
    const states = await Promise.all(some.map((run) => world.redis.hgetallBuffer(`{b${run.bucket}}:v2:run:${run.run_id}:state`)));
    const seats = await Promise.all(some.map((run) => world.redis.getBuffer(`{b${run.bucket}}:v2:run:${run.run_id}:bits`)));
    for (const [index, run] of some.entries()) {
      const records = Object.keys(states[index]!).filter((field) => field.startsWith('h:'));
      if (records.length > 0) findings.push(finding('redis', [run.run_id, ...records], 'Redis still has records of holds', LOOK));
      findings.push(...runFindings(run, states[index]!, seats[index] ?? Buffer.alloc(0), { seat_counts, occupied, used }));
    }
  }
  return findings;
}

type Ledger = { seat_counts: Map<string, number>; occupied: Map<string, bigint>; used: Map<string, number> };

const CLASSES = [1, 2, 3, 4, 5, 6, 7];

/** Class after class in the order of their codes, in words of 32 seats, of each word its segments; a bit that is set is taken. */
function runFindings(run: Run, state: Record<string, Buffer>, words: Buffer, { seat_counts, occupied, used }: Ledger): Finding[] {
  if (state.epoch === undefined) return [finding('redis', [run.run_id], 'Redis does not have this run', LOOK)];
  const findings: Finding[] = [];
  const counts = CLASSES.map((class_code) => ({ class_code, seats: seat_counts.get(`${run.layout_hash}/${class_code}`) ?? 0 }));
  const expected_bytes = counts.reduce((sum, { seats }) => sum + Math.ceil(seats / 32) * run.segments * 4, 0);
  if (words.length !== expected_bytes) return [finding('redis', [run.run_id], `Redis has ${words.length} bytes of seats instead of ${expected_bytes}`, LOOK)];
  let start = 0;
  for (const { class_code, seats } of counts) {
    for (let seat = 0; seat < seats; seat += 1) {
      let taken = 0n;
      for (let segment = 0; segment < run.segments; segment += 1) {
        const word = words.readUInt32LE(start + ((seat >> 5) * run.segments + segment) * 4);
        if ((word >>> (seat & 31)) & 1) taken |= 1n << BigInt(segment);
      }
      const ledger = occupied.get(`${run.run_no}/${class_code}/${seat}`) ?? 0n;
      if (taken !== ledger) findings.push(finding('redis', [run.run_id, `class ${class_code} seat ${seat}`], `Redis has mask ${taken} taken, the ledger ${ledger}`, LOOK));
    }
    start += Math.ceil(seats / 32) * run.segments * 4;
  }
  if (run.standing_capacity > 0) {
    for (let segment = 0; segment < run.segments; segment += 1) {
      const left = state.standing?.readUInt16LE(segment * 2) ?? 0;
      const expected = run.standing_capacity - (used.get(`${run.run_no}/${segment}`) ?? 0);
      if (left !== expected) findings.push(finding('redis', [run.run_id, `segment ${segment}`], `Redis has ${left} standing places left, the ledger ${expected}`, LOOK));
    }
  }
  return findings;
}
