/** Answers of a replica against the brute-force oracle of the tests, which reads the raw feed and what inventory says now. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { InventoryService, type RunRemaining } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService, type TrainOffer } from '#gen/rail/query/v1/query_pb.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startAll } from '#kit/run/lifecycle.ts';
import { openOracle } from '../../../test/oracle/oracle.ts';
import { drawQuestion, requestOf, type Question } from '../../../test/oracle/question.ts';
import { CLASSES } from '../../../test/oracle/words.ts';
import { seededRandom } from '../../../timetable/generate/random.ts';
import { say } from '../../say.ts';
import type { Sizes } from './options.ts';
import type { Replica, World } from './world.ts';

const DAYS = 14;
const SEED = 'bench';
const TOLD_EVERY = 1_000;
const MAX_SHOWN = 5;

type Query = { searchTrains: ReturnType<typeof createClient<typeof QueryService>>['searchTrains'] };

export async function measureWrong(world: World, replica: Replica, { searches_compared }: Sizes): Promise<Record<string, unknown>> {
  const started = await startAll(async (lifecycle) => {
    const { env, folder } = world.stack;
    const caller_key = Buffer.from(env.CALLER_KEY!.split(',')[0]!, 'hex');
    const inventory = createClient(InventoryService, { address: env.INVENTORY_ADDRESS!, service: 'query', caller_key });
    lifecycle.onStop('inventory', () => inventory.close());
    const query = createClient(QueryService, { address: replica.address, service: 'bench' });
    lifecycle.onStop('query', () => query.close());
    const stock = await stockNow(inventory);
    const oracle = await openOracle(readFileSync(join(folder.path, 'feed.zip')), (run_id, trip) => toldOf(stock.get(run_id), trip.calls.length));
    const dates = Array.from({ length: DAYS }, (_, day) => addDays(serviceDateAt(Date.now()), 1 + day));
    const random = seededRandom(SEED);
    let [wrong, found] = [0, 0];
    for (let number = 1; number <= searches_compared; number += 1) {
      const question = drawQuestion(random, oracle.feed, dates);
      const { offers, now_ms } = await allPages(query, question);
      const differences = oracle.judgeTrains(question, offers, now_ms);
      found += offers.length;
      wrong += differences.length;
      if (differences.length > 0 && wrong <= MAX_SHOWN) say(`wrong: ${JSON.stringify(question)}: ${differences[0]}`, `不一致：${JSON.stringify(question)}：${differences[0]}`);
      if (number % TOLD_EVERY === 0) say(`${number} searches compared, ${wrong} differences`, `已比对 ${number} 次查询，${wrong} 处不一致`);
    }
    return { figures: { wrong, searches_compared, offers_compared: found } };
  });
  await started.stop();
  return started.figures;
}

/** Inventory's own word on every run, at a moment when nothing is sold. */
async function stockNow(inventory: ReturnType<typeof createClient<typeof InventoryService>>): Promise<Map<string, RunRemaining>> {
  const stock = new Map<string, RunRemaining>();
  const ending = new AbortController();
  for await (const { runs, digests } of inventory.watchRemaining({}, { signal: ending.signal, timeout_ms: Infinity })) {
    for (const run of runs) stock.set(run.runId, run);
    if (digests.length > 0) break;
  }
  ending.abort();
  return stock;
}

/** No quotas are set here, so everybody can buy the same. */
function toldOf(run: RunRemaining | undefined, stops: number) {
  if (run === undefined) return undefined;
  const left = (seat_class: string, _: unknown, from: number, to: number): number => {
    const counts = run.classes.find(({ seatClass }) => seatClass === CLASSES[seat_class])?.remaining ?? [];
    let pair = 0;
    for (let earlier = 0; earlier < from; earlier += 1) pair += stops - 1 - earlier;
    return counts[pair + (to - from - 1)] ?? 0;
  };
  return { version: run.version, open: run.open, left };
}

async function allPages(query: Query, question: Question): Promise<{ offers: TrainOffer[]; now_ms: number }> {
  const offers: TrainOffer[] = [];
  for (let pageToken = ''; ; ) {
    const answer = await query.searchTrains({ ...requestOf(question), pageToken });
    offers.push(...answer.offers);
    pageToken = answer.nextPageToken;
    if (pageToken === '') return { offers, now_ms: timestampMs(answer.asOf!) };
  }
}
