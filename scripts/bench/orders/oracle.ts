/** Looks at everything a run has left behind, from outside: databases, Redis, streams and the gateway's own book. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, examine, unfinished, type Finding, type Place } from '../../../test/chaos/oracle.ts';
import { say, step } from '../../say.ts';

export type Verdict = { oversold: number; unaccounted: number; double_effects: number; still_open: string[] };

const REST_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 2_000;

/** `order_ids`: what clients were told is ticketed. Orders that nobody paid are open until their time is over, and no fault. */
export function askOracle(place: Place, order_ids: readonly string[]): Promise<Verdict> {
  return step(say, `the oracle looks at ${order_ids.length} tickets`, `正在核对 ${order_ids.length} 张车票`, async () => {
    const still_open = await untilRest(place);
    const findings = await examine(place, { submitted: [], orders: [...order_ids], refunds: [], people: [] });
    // What is open is told apart; everything else is a broken promise.
    const broken = still_open.length === 0 ? findings : findings.filter(({ check }) => AT_ANY_MOMENT.has(check));
    if (broken.length > 0) say(`oracle:\n${describe(broken)}`, `核对：\n${describe(broken)}`);
    const count = (wanted: (finding: Finding) => boolean): number => broken.filter(wanted).length;
    return {
      oversold: count(({ check }) => check === 'seats'),
      double_effects: count(({ check }) => DOUBLE.has(check)),
      unaccounted: count(({ check }) => check !== 'seats' && !DOUBLE.has(check)),
      still_open,
    };
  });
}

const DOUBLE = new Set(['effects', 'history']);
const AT_ANY_MOMENT = new Set(['seats', 'effects', 'history']);

async function untilRest(place: Place): Promise<string[]> {
  for (const until_ms = performance.now() + REST_WITHIN_MS; ; ) {
    const open = await unfinished(place);
    if (open.length === 0 || performance.now() > until_ms) return open;
    await sleep(LOOK_EVERY_MS);
  }
}
