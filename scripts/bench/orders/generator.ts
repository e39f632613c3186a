/** The load, in a process of its own: purchases at random moments whatever the answers do. Told what to do by messages. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '#kit/base/random.ts';
import { buy, type Outcome, type Plan } from './purchase.ts';
import { openWire } from './wire.ts';

export type Phase = { plans_path: string; rate_per_s: number; edge_port: number; gateway_port: number };
/** `issued_at_ms` by the wall clock, to tell what was issued while people still came. */
export type PhaseReport = {
  offered: number; began_ms: number; arrivals_end_ms: number; end_ms: number;
  outcomes: Record<string, number>; issued_at_ms: number[]; took_ms: number[]; order_ids: string[]; late_ms_max: number;
};

const LOOPBACK = '127.0.0.1';
const CONNECTIONS_MAX = 256;
const SEED = 5;

async function run({ plans_path, rate_per_s, edge_port, gateway_port }: Phase): Promise<PhaseReport> {
  const plans = JSON.parse(readFileSync(plans_path, 'utf8')) as Plan[];
  const [edge, gateway] = [openWire(LOOPBACK, edge_port, CONNECTIONS_MAX), openWire(LOOPBACK, gateway_port, CONNECTIONS_MAX)];
  const target = { edge, edge_host: `${LOOPBACK}:${edge_port}`, gateway, gateway_host: `${LOOPBACK}:${gateway_port}` };
  const random = seededRandom(SEED);
  const report: PhaseReport = { offered: 0, began_ms: Date.now(), arrivals_end_ms: 0, end_ms: 0, outcomes: {}, issued_at_ms: [], took_ms: [], order_ids: [], late_ms_max: 0 };
  const under_way: Promise<void>[] = [];
  let due_ms = performance.now();
  for (const plan of plans) {
    due_ms += (-Math.log(1 - random.unit()) * 1000) / rate_per_s;
    const wait_ms = due_ms - performance.now();
    if (wait_ms > 1) await sleep(wait_ms);
    else report.late_ms_max = Math.max(report.late_ms_max, -wait_ms);
    report.offered += 1;
    under_way.push(buy(plan, target).then((outcome) => note(report, outcome)));
  }
  report.arrivals_end_ms = Date.now();
  await Promise.all(under_way);
  report.end_ms = Date.now();
  edge.close();
  gateway.close();
  return report;
}

function note(report: PhaseReport, outcome: Outcome): void {
  const name = 'reason' in outcome ? `${outcome.end} ${outcome.reason}` : outcome.end;
  report.outcomes[name] = (report.outcomes[name] ?? 0) + 1;
  if (outcome.end !== 'issued') return;
  report.issued_at_ms.push(Date.now());
  report.took_ms.push(outcome.took_ms);
  report.order_ids.push(outcome.order_id);
}

for (;;) {
  const [phase] = (await once(process, 'message')) as [Phase];
  const report = await run(phase);
  process.send!(report);
}
