/** A stack with a whole timetable on sale for fifteen days, and replicas of query as processes of their own. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Health, HealthCheckResponse_ServingStatus } from '#gen/grpc/health/v1/health_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import { startAll, type Stoppable } from '#kit/run/lifecycle.ts';
import type { Timetable } from '../../../timetable/model.ts';
import { importFeed } from '../../../timetable/import/import.ts';
import { say, step } from '../../say.ts';
import { keep } from '../../stack/child.ts';
import { freePort, LOOPBACK } from '../../stack/ports.ts';
import { httpServes, until } from '../../stack/probe.ts';
import { startStack, type Stack } from '../../stack/up.ts';
import { NODE_BIN, ROOT } from '../../tools/paths.ts';
import type { QueryOptions } from './options.ts';

export type Replica = { address: string; pid: number; /** From its start until it serves with every number known. */ ready_s: number; stop(): Promise<void> };

export type World = Stoppable & {
  stack: Stack;
  timetable: Timetable;
  replica(name: string, options?: { profile_folder?: string | undefined }): Promise<Replica>;
};

const NAME = 'bench-query';
/** More than the edge's cache can answer here: what is measured is not its limit. */
const EDGE_LIMIT_PER_S = 1_000_000;

export function startWorld({ feed }: Pick<QueryOptions, 'feed'>): Promise<World> {
  return startAll(async (lifecycle) => {
    const stack = lifecycle.add('stack', await startStack({
      name: NAME, reset: true, layout: 'each', redis_fsync: 'no', log_level: 'warn', services: ['query', 'inventory', 'order', 'risk', 'identity', 'railway'],
      edge: true, trusted_hops: 1, edge_limit_per_s: EDGE_LIMIT_PER_S, web: false, seed: true, feed, tell: say, signal: new AbortController().signal,
    }));
    const imported = await importFeed(readFileSync(join(stack.folder.path, 'feed.zip')));
    if (!imported.ok) throw new Error('the feed that the stack has imported cannot be read');
    return {
      stack,
      timetable: imported.value,
      async replica(name: string, options = {}) {
        const replica = await step(say, `starting a replica of query (${name})`, `正在启动 query 的一个副本（${name}）`, () => startReplica(stack, name, options.profile_folder));
        say(`${name} was ready after ${replica.ready_s} s`, `${name} 在 ${replica.ready_s} 秒后就绪`);
        return lifecycle.add(name, replica);
      },
    };
  });
}

async function startReplica(stack: Stack, name: string, profile_folder: string | undefined): Promise<Replica> {
  if (profile_folder !== undefined) mkdirSync(profile_folder, { recursive: true });
  const [port, metrics_port] = [await freePort(), await freePort()];
  const address = `${LOOPBACK}:${port}`;
  const profiling = profile_folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile_folder}`];
  const from_ms = performance.now();
  const kept = await keep(
    {
      name,
      words: [join(NODE_BIN, 'node'), ...profiling, join(ROOT, 'scripts', 'stack', 'serve.ts'), '--services', 'query'],
      env: { ...process.env, ...stack.env, QUERY_PORT: String(port), METRICS_PORT: String(metrics_port), LOG_LEVEL: 'warn' },
      cwd: ROOT,
      ready: async (signal) => {
        await until(signal, () => httpServes(metrics_port, '/readyz'));
        await untilWarm(address, signal);
      },
      ready_within_ms: 120_000,
    },
    stack.folder, say, new AbortController().signal,
  );
  const ready_s = Math.round((performance.now() - from_ms) / 10) / 100;
  return { address, pid: kept.pid()!, ready_s, stop: () => kept.stop() };
}

async function untilWarm(address: string, signal: AbortSignal): Promise<void> {
  const health = createClient(Health, { service: 'bench', address });
  try {
    await until(signal, async () => (await health.check({ service: '' }, { signal })).status === HealthCheckResponse_ServingStatus.SERVING);
  } finally {
    health.close();
  }
}
