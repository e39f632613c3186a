/**
 * The oracle: what Chunyun promises (docs/ARCHITECTURE.md; promises 1 to 4 and 6 of the design), judged from outside
 * after anything at all has happened. Used by the chaos tests, and by benchmarks at the end of a run.
 *
 *     const findings = await examine(place, told);      // everything has come to rest: all checks
 *     const findings = await examineNow(place);         // in the middle of everything: what must hold at any moment
 *
 * | check | promise | at any moment | at rest |
 * |---|---|---|---|
 * | seats | a seat has one holder on a segment; the masks of the ledger are the sum of its holds | ✔ | ✔ |
 * | leaks | every hold is SOLD by a ticketed item, or over | | ✔ |
 * | redis | Redis has the bits of the ledger, and no record of a hold | | ✔ |
 * | orders | everything acknowledged is there; each order ended SUCCESS or CLOSED; each row is done | | ✔ |
 * | history | item versions only grow, each state follows from the one before | ✔ | ✔ |
 * | money | what the gateway took is worth tickets or went back; never more went back than came | part | ✔ |
 * | effects | one order a request, one ticket an item's version, one message an order and template | ✔ | ✔ |
 * | register | the railway has the valid tickets and no others | | ✔ |
 * | events | all published once and in order, all taken by every consumer, no dead letter | | ✔ |
 * | secrecy | no name, ID number or phone in clear in tables, logs, streams or Redis' files | | ✔ |
 */
import { historyFindings, ordersFindings } from './checks/orders.ts';
import { effectsFindings, registerFindings } from './checks/effects.ts';
import { eventsFindings } from './checks/events.ts';
import { leaksFindings, seatsFindings } from './checks/seats.ts';
import { moneyFindings, moneySafetyFindings } from './checks/money.ts';
import { redisFindings } from './checks/redis.ts';
import { secrecyFindings } from './checks/secrecy.ts';
import { unrest } from './checks/rest.ts';
import { finding, type Finding } from './finding.ts';
import { look, type Place, type World } from './world.ts';

export { describe, type Finding } from './finding.ts';
export { type Place } from './world.ts';

/** What clients were told, which is what may not be lost. A benchmark that keeps no account of it leaves it empty. */
export type Told = {
  /** SubmitOrder answered these requests. */
  submitted: { request_id: string }[];
  /** Orders that somebody was told the number of. */
  orders: string[];
  /** Orders whose refund was accepted. */
  refunds: string[];
  /** The people who were invented for this. */
  people: { name: string; id_number: string; phone: string }[];
};

export const NOTHING_TOLD: Told = { submitted: [], orders: [], refunds: [], people: [] };

/** What must hold at any moment, also while processes are down. */
export async function examineNow(place: Place): Promise<Finding[]> {
  return look(place, async (world) => all(world, [seatsFindings, historyFindings, moneySafetyFindings, effectsFindings]));
}

/** Everything, of a stack that has come to rest (`rest`). */
export async function examine(place: Place, told: Told = NOTHING_TOLD): Promise<Finding[]> {
  return look(place, async (world) =>
    all(world, [
      seatsFindings,
      leaksFindings,
      redisFindings,
      (one) => ordersFindings(one, told),
      historyFindings,
      moneySafetyFindings,
      moneyFindings,
      effectsFindings,
      registerFindings,
      eventsFindings,
      (one) => secrecyFindings(one, told.people),
      restFindings,
    ]),
  );
}

/**
 * What still has to happen: rows with something due, entries in a queue, events on their way. Empty once the stack rests.
 * Asked again until it is, or until the longest bound of a step has passed; then what remains is the fault.
 */
export async function unfinished(place: Place): Promise<string[]> {
  return look(place, unrest);
}

async function restFindings(world: World): Promise<Finding[]> {
  return (await unrest(world)).map((what) => finding('rest', [], what, 'the table named; its service\'s log says why the sweeper does not finish it'));
}

async function all(world: World, checks: ((world: World) => Promise<Finding[]>)[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  // One after another: they share a connection and its snapshot.
  for (const check of checks) findings.push(...(await check(world)));
  return findings;
}
