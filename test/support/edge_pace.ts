/** How many pass of those who ask without a pause: what a bucket holds and gets. */
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import type { Way } from './edge_ways.ts';

export const BURST = 10;
export const PER_S = 3;

/** An edge that can be asked what it has done. */
export type Admin = { admin_url: string };

type Test = { true(value: boolean, message?: string): void };

/**
 * Asks without a pause for a few seconds: as many pass as the bucket holds and gets. Reads also pass when the limiter is late, as
 * on a machine that has too much to do; `edges` are asked how many did.
 */
export async function exact(t: Test, once_: (turn: number) => Promise<unknown>, at_least?: number, edges: readonly Admin[] = []): Promise<void> {
  const late_before = await unlimited(edges);
  const begin_ms = performance.now();
  let allowed = 0;
  let last_ms = begin_ms;
  let first_answer_ms: number | undefined;
  for (let turn = 0; performance.now() - begin_ms < 3500; turn++) {
    const refused = await once_(turn);
    first_answer_ms ??= performance.now();
    if (refused === undefined) allowed++;
    last_ms = performance.now();
  }
  // The bucket begins to fill when the first token is taken: after the first request left and before its answer came.
  const least = at_least ?? BURST + Math.floor(((last_ms - first_answer_ms! - MARGIN_MS) / 1000) * PER_S);
  const late = (await unlimited(edges)) - late_before;
  const most = BURST + Math.floor(((last_ms - begin_ms) / 1000) * PER_S) + late;
  t.true(allowed >= least && allowed <= most, `${allowed} passed, ${least} to ${most} should`);
}

/** How many requests these edges have let pass because the limiter was late or away. */
export async function unlimited(edges: readonly Admin[]): Promise<number> {
  const texts = await Promise.all(edges.map(async ({ admin_url }) => (await fetch(`${admin_url}/stats?filter=ratelimit.failure_mode_allowed$`)).text()));
  return texts.flatMap((text) => [...text.matchAll(/failure_mode_allowed: (\d+)/g)]).reduce((sum, [, count]) => sum + Number(count), 0);
}

/** A token may flow in while a request that found none is on its way back. */
const MARGIN_MS = 350;

/** One small read: nothing, or how it was refused. */
export async function ask(way: Way, headers: Record<string, string>) {
  const outcome = await way.unary(QueryService.method.suggestStations, { text: 'bj', limit: 1 }, headers);
  return 'refusal' in outcome ? outcome.refusal : undefined;
}
