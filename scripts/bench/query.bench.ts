/** Query with a whole timetable on sale: searches a second, through the edge, freshness, memory, agreement. */
import type { Bench } from '../bench.ts';
import { printError } from '../say.ts';
import { memoryOf } from './memory.ts';
import { measureDeltas } from './query/deltas.ts';
import { measureEdge } from './query/edge.ts';
import { measureFreshness } from './query/freshness.ts';
import { helpText, queryOptions, type QueryOptions } from './query/options.ts';
import { measureRates } from './query/rates.ts';
import { Searches } from './query/searches.ts';
import { printQuery } from './query/table.ts';
import { measureTiers } from './query/tiers.ts';
import { startWorld, type Replica, type World } from './query/world.ts';
import { measureWrong } from './query/wrong.ts';

export const bench: Bench = {
  about: 'searches over a whole timetable: rates, edge, freshness, memory (--help)',
  about_zh: '全路网查询：速率、网关、新鲜度、内存（--help）',
  async run(args) {
    const options = queryOptions(args);
    if (options === undefined) {
      console.log(helpText());
      return {};
    }
    const world = await startWorld(options);
    try {
      const result = await measure(world, options);
      printQuery(result);
      return result;
    } finally {
      await world.stop();
    }
  },
};

async function measure(world: World, options: QueryOptions): Promise<Record<string, unknown>> {
  const replica = await world.replica('query-measured', options);
  const searches = new Searches(world.timetable);
  const result: Record<string, unknown> = { ready_s: replica.ready_s, memory_ready_mib: memory_mib(replica), trains: world.timetable.trains.length, city_pairs: searches.pairs };
  const failed: string[] = [];
  for (const { name, work } of partsOf(world, replica, searches, options)) {
    try {
      Object.assign(result, await work());
    } catch (error) {
      // What the others measure is not lost with it.
      printError(error);
      failed.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { ...result, memory_mib: memory_mib(replica), ...(failed.length === 0 ? {} : { failed }) };
}

function partsOf(world: World, replica: Replica, searches: Searches, { parts, sizes }: QueryOptions) {
  const all = [
    { name: 'search', work: () => measureRates(world, replica, searches, sizes) },
    { name: 'tiers', work: () => measureTiers(replica, searches, sizes) },
    { name: 'edge', work: () => measureEdge(world, searches, sizes, parts.has('cached')) },
    { name: 'freshness', work: async () => ({ ...(await measureFreshness(world, replica, sizes)), ...(await measureDeltas(world)) }) },
    { name: 'wrong', work: () => measureWrong(world, replica, sizes) },
  ] as const;
  return all.filter(({ name }) => parts.has(name) || (name === 'edge' && parts.has('cached')));
}

/** Of one replica. */
function memory_mib({ pid }: Replica): number {
  return memoryOf([{ name: 'query', pid }])[0]!.pss_mib;
}
