/** Runs the ways a purchase can go with a service that is killed at a point, and has the oracle judge what became of it. */
import test, { type ExecutionContext } from 'ava';
import { pointOf } from './points.ts';
import { connectBuyers, type Clients } from './saga_buyer.ts';
import type { Doomed } from './saga_doomed.ts';
import { fill, openDear, SCENARIOS, type Stage } from './saga_scenarios.ts';
import type { SagaService } from './saga_seams.ts';
import { openSagaWorld, type SagaWorld } from './saga_world.ts';

/** By what is done: where the service is killed (points.ts). */
export type Deaths = Partial<Record<keyof typeof SCENARIOS, string[]>>;

/** Messages are slower than everything that matters; they are waited for at the end. */
const LATER = /notification/;

let world: SagaWorld;
let clients: Clients;
let stage: Omit<Stage, 't'>;

/** One test for each point of each service, in one world; and at the end of each service the oracle. */
export function crashTests(deaths: Partial<Record<SagaService, Deaths>>): void {
  test.before('a world', async (t) => {
    world = await openSagaWorld();
    clients = connectBuyers(world);
    stage = { world, clients, run: await world.openRun('G1'), full: await world.openRun('G2', [20]), dear: await openDear(world) };
    await fill({ ...stage, t });
  });
  test.after.always(() => world?.lifecycle.stop());
  for (const [service, scenarios] of Object.entries(deaths) as [SagaService, Deaths][]) testsOf(service, scenarios);
}

function testsOf(service: SagaService, scenarios: Deaths): void {
  let doomed: Doomed | undefined;
  for (const [name, points] of Object.entries(scenarios) as [keyof typeof SCENARIOS, string[]][]) {
    for (const where of points) {
      test.serial(`${service} is killed ${where} while people ${name}`, async (t) => {
        doomed ??= await world.doom(service);
        await survive(t, service, doomed, name, where);
      });
    }
  }
  test.serial(`${service} was killed, and every promise was kept`, async (t) => {
    await world.rest();
    t.is(await world.judge(), '');
    await world.heal(service);
  });
}

/** Some steps have two ways, an event and a sweeper, and now and then the other one is faster. */
const TRIES_MAX = 5;

async function survive(t: ExecutionContext, service: SagaService, doomed: Doomed, name: keyof typeof SCENARIOS, where: string): Promise<void> {
  const except = service === 'notification' ? undefined : LATER;
  for (let tried = 1; ; tried += 1) {
    await doomed.arm(pointOf(where));
    const over = doomed.died;
    const work = SCENARIOS[name]({ ...stage, t });
    const how = await Promise.race([over, work.then(() => world.rest(except)).then(() => 'over')]);
    // At rest the last step may have been seen before the process itself has: it answers once more.
    if (how === 'over' && (await Promise.race([over, doomed.arm(undefined).then(() => 'alive', () => over)])) === 'alive') {
      if (tried < TRIES_MAX) continue;
      t.fail('nobody came by');
    }
    t.is(await over, 'SIGKILL');
    await doomed.revive();
    await world.letTimePass(service);
    await work;
    await world.rest(except);
    return void t.is(await world.judgeNow(), '');
  }
}
