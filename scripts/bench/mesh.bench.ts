/** What the mesh costs: one small call at a fixed rate, from pod to pod, with proxies and without, in turns on the same cluster. */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { copyPolicy } from '../../test/mesh/support/policy.ts';
import { eventually, NAMESPACE, openMesh, startProbe, type Cluster, type Probe } from '../../test/mesh/support/mesh.ts';
import type { Bench } from '../bench.ts';
import { say, step, Told, words } from '../say.ts';
import { executable } from '../tools/command.ts';
import { round } from './inventory/measure.ts';

export const bench: Bench = {
  about: 'latency and CPU of a call with sidecars and without, on the cluster of npm run mesh:up (--help)',
  about_zh: '在 npm run mesh:up 的集群上，有无边车时一次调用的延迟与 CPU（--help）',
  async run(args) {
    const { values } = parseArgs({ args: [...args], options: { rate: { type: 'string', default: '200' }, seconds: { type: 'string', default: '20' }, rounds: { type: 'string', default: '3' }, help: { type: 'boolean', default: false } } });
    if (values.help) {
      console.log(words('npm run bench -- mesh [--rate 200] [--seconds 20] [--rounds 3]   calls a second, seconds a round, rounds with and without proxies in turns', 'npm run bench -- mesh [--rate 200] [--seconds 20] [--rounds 3]   每秒调用数、每轮秒数、有无边车交替的轮数'));
      return {};
    }
    const mesh = await openMesh();
    const ends: (() => unknown)[] = [];
    try {
      return await measure(mesh, { rate: Number(values.rate), seconds: Number(values.seconds), rounds: Number(values.rounds) }, { teardown: (end) => void ends.push(end) });
    } finally {
      for (const end of ends) await end();
    }
  },
};

const METHOD = 'rail.query.v1.QueryService/GetTrainRun';
const CONNECTIONS = 2;
const CONCURRENCY = 20;
/** USER_HZ of Linux. */
const TICKS_PER_S = 100;

type Plan = { rate: number; seconds: number; rounds: number };
type Side = { name: 'with' | 'without'; server: Probe; caller: Probe };
type Round = { p50_ms: number; p95_ms: number; calls: number; failed: number; cpu_s: number };
type Ends = Parameters<typeof startProbe>[0];

async function measure(mesh: Cluster, plan: Plan, ends: Ends): Promise<Record<string, unknown>> {
  const sides = await step(say, 'starting callers and servers', '正在启动调用方与服务端', () => Promise.all([startSide(mesh, ends, 'with'), startSide(mesh, ends, 'without')]));
  const rounds: Record<Side['name'], Round[]> = { with: [], without: [] };
  for (let turn = 0; turn < plan.rounds; turn++) {
    for (const side of sides) {
      const one = await step(say, `${plan.rate} calls a second ${side.name} proxies`, `每秒 ${plan.rate} 次调用，${side.name === 'with' ? '有' : '无'}边车`, () => run(mesh, side, plan));
      rounds[side.name].push(one);
      console.log(`${side.name.padEnd(8)} p50 ${one.p50_ms} ms  p95 ${one.p95_ms} ms  ${one.calls} calls, ${one.failed} failed  CPU ${round((one.cpu_s * 1000) / one.calls, 3)} s per 1,000`);
    }
  }
  const of = (name: Side['name'], value: (one: Round) => number): number => round(median(rounds[name].map(value)), 3);
  const cpu = (one: Round): number => (one.cpu_s * 1000) / one.calls;
  return {
    rate_per_s: plan.rate, payload_bytes: 0, rounds: plan.rounds,
    p50_ms: of('with', (one) => one.p50_ms), p95_ms: of('with', (one) => one.p95_ms),
    p50_without_ms: of('without', (one) => one.p50_ms), p95_without_ms: of('without', (one) => one.p95_ms),
    sidecar_added_p50_ms: round(of('with', (one) => one.p50_ms) - of('without', (one) => one.p50_ms), 3),
    sidecar_added_p95_ms: round(of('with', (one) => one.p95_ms) - of('without', (one) => one.p95_ms), 3),
    cpu_s_per_1k: of('with', cpu), cpu_s_per_1k_without: of('without', cpu),
    failed: [...rounds.with, ...rounds.without].reduce((sum, { failed }) => sum + failed, 0),
  };
}

/** A server and a caller with the load generator in it; those of the mesh under query's real policy. */
async function startSide(mesh: Cluster, ends: Ends, name: Side['name']): Promise<Side> {
  const outside = name === 'without';
  const [server, caller] = await Promise.all([startProbe(ends, mesh, { account: 'query', answers: [`/${METHOD}`], outside }), startProbe(ends, mesh, { account: 'edge', outside })]);
  if (!outside) await copyPolicy(mesh, 'query', server, caller);
  await sendGenerator(mesh, await podOf(caller));
  await eventually(async () => (await caller.call([{ address: `${server.name}:9000`, path: `/${METHOD}`, timeout_ms: 2_000 }]))[0]!.code === 0);
  return { name, server, caller };
}

async function run(mesh: Cluster, { server, caller, name }: Side, { rate, seconds }: Plan): Promise<Round> {
  const [server_pod, caller_pod] = [await podOf(server), await podOf(caller)];
  // The generator's own CPU is not the product's.
  const counted: [string, string][] = name === 'with' ? [[server_pod, 'service'], [server_pod, 'istio-proxy'], [caller_pod, 'istio-proxy']] : [[server_pod, 'service']];
  const cpu = async (): Promise<number> => (await Promise.all(counted.map(([pod, container]) => cpuSeconds(mesh, pod, container)))).reduce((sum, one) => sum + one, 0);
  const before = await cpu();
  const text = await mesh.kubectl(
    ['-n', NAMESPACE, 'exec', caller_pod, '-c', 'service', '--', '/tmp/ghz', '--insecure', '--protoset', '/app/gen/descriptors.binpb', '--call', METHOD.replace('/', '.'), '-d', '{}', '--rps', String(rate), '--duration', `${seconds}s`, '--connections', String(CONNECTIONS), '--concurrency', String(CONCURRENCY), '--format', 'json', `${server.name}:9000`],
    { deadline_ms: (seconds + 60) * 1000 },
  );
  const { count, latencyDistribution = [], statusCodeDistribution = {} } = JSON.parse(text) as { count: number; latencyDistribution?: { percentage: number; latency: number }[]; statusCodeDistribution?: Record<string, number> };
  const at = (percentage: number): number => round((latencyDistribution.find((one) => one.percentage === percentage)?.latency ?? Number.NaN) / 1e6, 3);
  return { p50_ms: at(50), p95_ms: at(95), calls: count, failed: count - (statusCodeDistribution.OK ?? 0), cpu_s: (await cpu()) - before };
}

/** CPU seconds that the processes of a container have used, in user space and in the kernel (proc(5), fields 14 and 15). */
async function cpuSeconds(mesh: Cluster, pod: string, container: string): Promise<number> {
  const text = await mesh.kubectl(['-n', NAMESPACE, 'exec', pod, '-c', container, '--', 'sh', '-c', 'cat /proc/[0-9]*/stat']);
  // The name of a program may have blanks in it; what is counted stands behind it.
  const fields = text.trim().split('\n').map((line) => line.slice(line.lastIndexOf(')') + 2).split(' '));
  return fields.reduce((sum, field) => sum + Number(field[11]) + Number(field[12]), 0) / TICKS_PER_S;
}

async function podOf(probe: Probe): Promise<string> {
  return (await probe.pods())[0]!;
}

/** ghz is a binary of this machine; the image of the product does not carry it. */
async function sendGenerator(mesh: Cluster, pod: string): Promise<void> {
  const path = (mesh.env.PATH ?? '').split(':').map((folder) => `${folder}/ghz`).find(executable);
  if (path === undefined) throw new Told('ghz is not on the PATH: go install github.com/bojand/ghz/cmd/ghz@v0.121.0', 'PATH 中没有 ghz：go install github.com/bojand/ghz/cmd/ghz@v0.121.0');
  const child = spawn('kubectl', ['-n', NAMESPACE, 'exec', '-i', pod, '-c', 'service', '--', 'sh', '-c', 'cat > /tmp/ghz && chmod +x /tmp/ghz'], { env: mesh.env, stdio: ['pipe', 'ignore', 'inherit'] });
  createReadStream(path).pipe(child.stdin);
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`ghz could not be sent to ${pod}`))));
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
