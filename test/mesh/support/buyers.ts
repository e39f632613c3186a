/** Purchases through the edge of the cluster while a test does something to the mesh. */
import { createInterface } from 'node:readline';
import type { ExecutionContext } from 'ava';
import { EDGE_URL } from '../../../scripts/mesh/addresses.ts';
import type { Cluster } from '../../../scripts/mesh/cluster.ts';
import type { BuyerEvent } from '../../../scripts/mesh_buyers.ts';
import { runInTraveller } from './traveller.ts';

export type Bought = { bought: number; lost: string[]; seen: string[]; p50_ms: number; p95_ms: number };

export type Buyers = {
  /** Resolves when so many more tickets than now are bought. */
  more(count: number): Promise<void>;
  /** What has happened until now. */
  sofar(): Bought;
  /** Begins no more purchases, and resolves when those under way have ended. */
  stop(): Promise<Bought>;
};

/** Starts people who buy, and resolves when they have accounts and trips in mind. */
export async function startBuyers(t: Pick<ExecutionContext, 'teardown'>, mesh: Cluster, { buyers, rate }: { buyers: number; rate: number }): Promise<Buyers> {
  const { output, ended, finish } = runInTraveller(t, mesh, ['scripts/mesh_buyers.ts', '--page', EDGE_URL, '--buyers', String(buyers), '--rate', String(rate)]);
  const took_ms: number[] = [];
  const lost: string[] = [];
  const seen: string[] = [];
  const ready = Promise.withResolvers<void>();
  const waiting: { until: number; done: () => void }[] = [];
  createInterface({ input: output }).on('line', (line) => {
    const event = JSON.parse(line) as BuyerEvent;
    if (event.event === 'ready') ready.resolve();
    if (event.event === 'lost') lost.push(event.why);
    if (event.event === 'seen') seen.push(`${event.at} ${event.code} ${event.why}`);
    if (event.event === 'bought') took_ms.push(event.took_ms);
    for (const wish of waiting.filter(({ until }) => took_ms.length + lost.length >= until)) wish.done();
  });
  ended.catch((error: unknown) => ready.reject(error));
  await ready.promise;
  // What was seen while accounts were made is not what the test looks at.
  seen.length = 0;
  const sofar = (): Bought => {
    const sorted = took_ms.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
    return { bought: took_ms.length, lost: [...lost], seen: [...seen], p50_ms: at(0.5), p95_ms: at(0.95) };
  };
  return {
    more: (count) => new Promise((resolve) => waiting.push({ until: took_ms.length + lost.length + count, done: resolve })),
    sofar,
    async stop() {
      await finish();
      return sofar();
    },
  };
}
