// The whole command against a cluster in memory, with requests all the time: killed anywhere, held up anywhere, and always to a clean end.
import test, { type ExecutionContext } from 'ava';
import { seededRandom } from '#kit/base/random.ts';
import { plan, write, type Wish } from './begin.ts';
import { abort, resume, take } from './command.ts';
import { imageOf } from './domain/workload.ts';
import { readOnly } from './domain/only.ts';
import { bucketSet } from './domain/buckets.ts';
import type { Deployment, DestinationRule, VirtualService } from './domain/objects.ts';
import type { CanaryState } from './domain/state.ts';
import { load, wishAbort } from './keeper.ts';
import { ClusterError, Interrupted, Lost } from './ports.ts';
import { FRESH, Killed, OLD, World, type WorldOptions } from './testing/world.ts';

const QUICK = { dwell_ms: 10_000, requests_min: 20, step_within_ms: 120_000 };
const BAD = { errors: 1, took_ms: 8 };

function wishOf(world: World, more: Partial<Wish> = {}): Wish {
  return { service: world.service, image: FRESH, only: [], blue_green: false, limits: QUICK, ...more };
}

async function begin(world: World, more: Partial<Wish> = {}, at?: () => void | Promise<void>): Promise<CanaryState> {
  const tools = world.tools(at);
  const { state, former } = await plan(tools.cluster, wishOf(world, more), { run_id: 'run-1', now_ms: world.now_ms });
  return take(tools, await write(tools.cluster, state, former));
}

function imageNow(world: World): string | undefined {
  return imageOf(world.cluster.peek<Deployment>('Deployment', world.service)!);
}

/** Nothing that must never be has been, nothing of the canary is left, and one version serves. */
function clean(t: ExecutionContext, world: World, { phase }: CanaryState, note = ''): void {
  t.deepEqual([...new Set(world.cluster.violations)], [], note);
  t.deepEqual(world.leftovers(), [], note);
  t.is(imageNow(world), phase === 'promoted' ? FRESH : OLD, note);
}

test('a good version is promoted, and no user sees more errors than before', async (t) => {
  const world = new World({ old: { errors: 0, took_ms: 8 }, fresh: { errors: 0, took_ms: 8 } });
  const before = world.cluster.peek<VirtualService>('VirtualService', 'order')!.spec;
  const state = await begin(world);
  t.is(state.phase, 'promoted', world.told.join('\n'));
  clean(t, world, state);
  t.deepEqual(world.cluster.peek<VirtualService>('VirtualService', 'order')!.spec, before);
  const { containers, initContainers } = world.cluster.peek<Deployment>('Deployment', 'order')!.spec.template.spec;
  t.deepEqual([...containers, ...initContainers!].map(({ image }) => image), [FRESH, 'other:1', FRESH]);
  t.is(world.failed, 0);
  t.true(world.told.some((line) => line.startsWith('20 % ')));
});

test('a version that fails is rolled back at 1 %: fewer than one in a thousand requests fail', async (t) => {
  const world = new World({ old: { errors: 0, took_ms: 8 }, fresh: BAD });
  world.pass(60_000);
  const state = await begin(world);
  t.is(state.phase, 'rolled_back');
  t.regex(state.reason!.en, /fail/);
  clean(t, world, state);
  t.false(world.told.some((line) => line.startsWith('5 % ')));
  t.true(world.failed > 0 && world.failed < world.served / 1000, `${world.failed} of ${world.served}`);
});

test('a version that fails now and then is found before it has everything', async (t) => {
  const world = new World({ fresh: { errors: 0.03, took_ms: 8 } });
  const state = await begin(world);
  t.is(state.phase, 'rolled_back', world.told.join('\n'));
  clean(t, world, state);
  t.false(world.told.some((line) => line.startsWith('100 % ')));
});

test('a slow version is rolled back', async (t) => {
  const world = new World({ fresh: { errors: 0.0005, took_ms: 90 } });
  const state = await begin(world);
  t.regex(state.reason?.en ?? '', /slower/);
  clean(t, world, state);
});

test('a version that is never ready gets no request', async (t) => {
  const world = new World({ start_ms: (image) => (image === FRESH ? Infinity : 5_000) });
  const state = await begin(world);
  t.regex(state.reason?.en ?? '', /not ready in time/);
  t.is(world.to_canary, 0);
  clean(t, world, state);
});

test('pods of the canary that break later send everything back at once', async (t) => {
  const world = new World();
  const state = await begin(world, {}, () => {
    if (world.told.at(-1)?.startsWith('20 % ') === true) world.cluster.breakPods('order-canary');
  });
  t.is(state.reason?.en, 'no pod of the canary is ready');
  t.deepEqual(world.leftovers(), []);
});

test('a rollout of the stable version that hangs is taken back', async (t) => {
  let starts = 0;
  const world = new World({ start_ms: (image) => (image === FRESH && (starts += 1) > 1 ? Infinity : 5_000) });
  const state = await begin(world);
  t.regex(state.reason?.en ?? '', /rollout of order was not through/);
  clean(t, world, state);
});

test('numbers that can not be seen, and too few requests, end in going back', async (t) => {
  const blind = new World();
  const tools = blind.tools();
  const sightless = { ...tools, proxies: { ...tools.proxies, counters: () => Promise.reject(new ClusterError('exec refused')) } };
  const { state, former } = await plan(tools.cluster, wishOf(blind), { run_id: 'run-1', now_ms: blind.now_ms });
  const seen = await take(sightless, await write(tools.cluster, state, former));
  t.regex(seen.reason?.en ?? '', /were not seen/);
  t.is(blind.to_canary, 0);
  clean(t, blind, seen);

  const idle = new World({ requests_per_s: 1 });
  const lone = await begin(idle);
  t.regex(lone.reason?.en ?? '', /not through after/);
  clean(t, idle, lone);
});

/** Calls that a whole canary makes: the places where it may be killed or held up. */
async function callsOf(options: WorldOptions): Promise<number> {
  let calls = 0;
  await begin(new World(options), SHORT, () => void (calls += 1));
  return calls;
}

/** Busy enough to judge by, few enough to repeat it hundreds of times. */
const BUSY: WorldOptions = { requests_per_s: 25 };
const SHORT: Partial<Wish> = { limits: { ...QUICK, dwell_ms: 4_000, requests_min: 5 }, steps: [20, 100] };

for (const [name, options, outcome] of [['good', BUSY, 'promoted'], ['bad', { ...BUSY, fresh: BAD }, 'rolled_back']] as const) {
  test(`the command of a ${name} version is killed between any two calls, and resumed`, async (t) => {
    const calls = await callsOf(options);
    t.true(calls > 100, String(calls));
    for (let kill_at = 1; kill_at <= calls; kill_at += 1) {
      const world = new World(options);
      let call = 0;
      const killed = await begin(world, SHORT, () => {
        if ((call += 1) === kill_at) throw new Killed();
      }).then(() => false, (error: unknown) => error instanceof Killed);
      const kept = await load(world.cluster, 'order');
      // Before its first write there is no canary; after its last it is over.
      if (kept === undefined) continue;
      if (!killed || kept.state.phase === outcome) {
        t.deepEqual(world.leftovers(), [], `killed at ${kill_at}`);
        continue;
      }
      const state = await resume(world.tools(), 'order');
      t.is(state.phase, outcome, `killed at ${kill_at}: ${state.reason?.en}`);
      clean(t, world, state, `killed at ${kill_at}`);
    }
  });
}

test('killed again and again at random, it still ends', async (t) => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = seededRandom(seed);
    const world = new World({ seed, ...BUSY, ...(seed % 2 === 0 ? { fresh: BAD } : {}) });
    const fatal = () => {
      if (random.unit() < 0.02) throw new Killed();
    };
    await begin(world, SHORT, fatal).catch((error: unknown) => t.true(error instanceof Killed));
    for (let kept = await load(world.cluster, 'order'); kept !== undefined && kept.state.phase !== 'promoted' && kept.state.phase !== 'rolled_back'; kept = await load(world.cluster, 'order')) {
      await resume(world.tools(fatal), 'order').catch((error: unknown) => t.true(error instanceof Killed, String(error)));
    }
    const kept = await load(world.cluster, 'order');
    if (kept !== undefined) clean(t, world, kept.state, `seed ${seed}`);
  }
});

for (const way of ['resume', 'abort'] as const) {
  test(`a command that is held up anywhere, and wakes up after another has come to the end by ${way}, changes nothing`, async (t) => {
    const calls = await callsOf(BUSY);
    for (let stop_at = 1; stop_at <= calls; stop_at += 2) {
      const world = new World(BUSY);
      let call = 0;
      const [held, thaw] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const first = begin(world, SHORT, async () => {
        if ((call += 1) !== stop_at) return;
        held.resolve();
        await thaw.promise;
      }).then((state) => state.phase, (error: unknown) => error);
      await Promise.race([held.promise, first]);
      const kept = await load(world.cluster, 'order');
      if (kept === undefined || kept.state.phase === 'promoted') {
        thaw.resolve();
        await first;
        continue;
      }
      const state = await (way === 'resume' ? resume(world.tools(), 'order') : abort(world.tools(), 'order', { en: 'by hand', zh: '人工' }));
      const written = world.cluster.history.length;
      thaw.resolve();
      const ended = await first;
      t.true(ended instanceof Lost, `held up at ${stop_at}: ${String(ended)}`);
      t.is(world.cluster.history.length, written, `held up at ${stop_at}`);
      clean(t, world, state, `held up at ${stop_at}`);
    }
  });
}

test('what an apply of the manifests takes away meanwhile is there again with the next look', async (t) => {
  const world = new World({ fresh: { errors: 0, took_ms: 8 } });
  const applied = { rule: world.cluster.peek<DestinationRule>('DestinationRule', 'order')!.spec, routes: world.cluster.peek<VirtualService>('VirtualService', 'order')!.spec };
  let [times, subsets] = [0, 0];
  const state = await begin(world, {}, async () => {
    if (times === 0 && world.told.at(-1)?.startsWith('20 % ') === true) {
      times += 1;
      await world.cluster.patch(world.cluster.peek('DestinationRule', 'order')!, { spec: applied.rule });
      await world.cluster.patch(world.cluster.peek('VirtualService', 'order')!, { spec: applied.routes });
    }
    if (times > 0 && world.told.at(-1)?.startsWith('50 % ') === true) subsets = Math.max(subsets, world.cluster.peek<DestinationRule>('DestinationRule', 'order')!.spec.subsets!.length);
  });
  t.deepEqual([state.phase, subsets], ['promoted', 2]);
  t.deepEqual(world.leftovers(), []);
});

test('a wish to abort reaches the command that is under way', async (t) => {
  const world = new World();
  let wished = false;
  const state = await begin(world, {}, async () => {
    if (wished || world.told.at(-1)?.startsWith('5 % ') !== true) return;
    wished = true;
    t.true(await wishAbort(world.cluster, 'order', { en: 'aborted: by hand', zh: '已中止：人工' }));
  });
  t.is(state.reason?.en, 'aborted: by hand');
  clean(t, world, state);
});

test('told to end, it lets go, and another goes on at once', async (t) => {
  const world = new World();
  const tools = world.tools();
  let sleeps = 0;
  const { state, former } = await plan(tools.cluster, wishOf(world, SHORT), { run_id: 'run-1', now_ms: world.now_ms });
  const told = { ...tools, sleep: async (ms: number) => {
    await tools.sleep(ms);
    if ((sleeps += 1) === 8) throw new Interrupted('told to end');
  } };
  await t.throwsAsync(take(told, await write(tools.cluster, state, former)), { instanceOf: Interrupted });
  const at_ms = world.now_ms;
  t.is((await load(world.cluster, 'order'))!.state.holder, undefined);
  const ended = await resume(tools, 'order');
  t.is(ended.phase, 'promoted');
  t.false(world.told.some((line) => line.startsWith('looking for')), String(at_ms));
  clean(t, world, ended);
});

test('of two commands at the same moment one begins; a third one is told what is under way', async (t) => {
  const world = new World();
  const plans = await Promise.all([1, 2].map((run) => plan(world.cluster, wishOf(world), { run_id: `run-${run}`, now_ms: world.now_ms })));
  const outcomes = await Promise.allSettled(plans.map(({ state, former }) => write(world.cluster, state, former)));
  t.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  await t.throwsAsync(begin(world), { message: /under way/ });
});

test('what is left of a canary whose command died between two writes is removed by the next', async (t) => {
  const world = new World();
  const stable = world.cluster.peek<Deployment>('Deployment', 'order')!;
  await world.cluster.create({ ...stable, metadata: { name: 'order-canary', annotations: { 'chunyun.rail/canary-run': 'older' } } });
  clean(t, world, await begin(world));
});

test('during a freeze nothing begins but an emergency, and one that begins meanwhile sends the canary back', async (t) => {
  const freeze = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'change-freeze' }, data: { sale: 'from: 2027-01-01 00:00\nuntil: 2027-03-01 00:00\nreason: spring festival\n' } };
  const world = new World();
  const state = await begin(world, {}, async () => {
    if (world.told.at(-1)?.startsWith('5 % ') === true) await world.cluster.create(freeze);
  });
  t.regex(state.reason?.en ?? '', /freeze has begun: spring festival/);
  clean(t, world, state);
  await t.throwsAsync(begin(world), { message: /frozen: spring festival/ });
  const forced = await begin(world, { override_freeze: 'a hole' });
  t.deepEqual([forced.phase, forced.override_freeze], ['promoted', 'a hole']);
});

test('inventory gets whole buckets, more of them with each step, and what names none with the last', async (t) => {
  const world = new World({ service: 'inventory' });
  const seen = new Map<string, string>();
  const state = await begin(world, {}, () => {
    const { http } = world.cluster.peek<VirtualService>('VirtualService', 'inventory')!.spec;
    const line = world.told.at(-1) ?? '';
    const [own] = http!.filter(({ name }) => name === 'canary-only-rest');
    if (own !== undefined) {
      seen.set((own.match![0]!.headers!['x-route-key'] as { regex: string }).regex, line);
      t.true(http!.filter(({ name }) => !name!.startsWith('canary')).every(({ route }) => route!.length === 1 && route![0]!.destination.subset === 'stable'));
    }
  });
  clean(t, world, state);
  t.is(state.phase, 'promoted');
  t.deepEqual([...seen.keys()].map((regex) => regex.split('|').length), [1, 4, 13, 32]);
  t.deepEqual(bucketSet(64, 5).filter((bucket) => bucketSet(64, 1).includes(bucket)), bucketSet(64, 1));
});

test('blue and green: named users first, then everybody', async (t) => {
  const world = new World();
  const state = await begin(world, { blue_green: true, only: [readOnly('account=42')!] });
  t.is(state.phase, 'promoted', world.told.join('\n'));
  t.deepEqual([...new Set(world.told.filter((line) => / % /.test(line)).map((line) => line.slice(0, 5)))], ['0 % ·', '100 %']);
  clean(t, world, state);
});
