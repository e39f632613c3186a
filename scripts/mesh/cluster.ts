/** The cluster that the commands of the mesh work on: the one KUBECONFIG names, else the lab cluster beside the checkout. */
import { existsSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { stringify } from 'yaml';
import { step, Told, type Say } from '../say.ts';
import { outcomeOf, outputOf } from '../tools/command.ts';
import { ensureGo } from '../tools/go.ts';
import { ROOT } from '../tools/paths.ts';

export type Cluster = {
  /** PATH and KUBECONFIG for kubectl and istioctl. */
  env: NodeJS.ProcessEnv;
  /** The command of the lab cluster; undefined where KUBECONFIG names another. */
  lab: string | undefined;
  /** Runs kubectl and gives its standard output. Throws `Told` with what it said. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  istioctl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** Makes these objects, or brings them to this; `manager` is who the cluster's records of fields name. */
  apply(manager: string, objects: readonly object[]): Promise<void>;
  /** kubectl without an error: exit code, output and what it said. */
  tryKubectl(args: readonly string[], options?: KubectlOptions): ReturnType<typeof outcomeOf>;
};

export type KubectlOptions = { input?: string; deadline_ms?: number };

const CALL_MS = 60_000;
const APPLY_MS = 120_000;
/** Building all of a cluster's parts takes a quarter of an hour where nothing is there yet. */
const LAB_UP_MS = 3_600_000;
const BESIDE = '../shared/kube-lab/kube-lab';

/** Finds the cluster, and starts the lab one when it is not up. Throws `Told` with what to do when there is none. */
export async function openCluster(tell: Say, { lab_up_ms = LAB_UP_MS }: { lab_up_ms?: number } = {}): Promise<Cluster> {
  if (process.env.KUBECONFIG) return named(process.env.KUBECONFIG);
  const lab = labCommand();
  if (lab === undefined) {
    throw new Told(
      'There is no cluster: set KUBECONFIG to that of a cluster with Istio (kind, a managed one), or CHUNYUN_KUBE_LAB to the lab command.',
      '没有可用的集群：请将 KUBECONFIG 设为装有 Istio 的集群（kind 或托管集群）的配置，或将 CHUNYUN_KUBE_LAB 设为实验集群命令。',
    );
  }
  await step(tell, 'starting the lab cluster (the first time on a machine it is built, about 12 minutes)', '正在启动实验集群（首次需要构建，约 12 分钟）', async () => outputOf([lab, 'up'], { env: await withGo(tell), deadline_ms: lab_up_ms }));
  return clusterOf(await labEnvironment(lab), lab);
}

/** The lab cluster's parts are built by Go. */
async function withGo(tell: Say): Promise<NodeJS.ProcessEnv> {
  return { ...process.env, PATH: `${dirname(await ensureGo(tell))}${delimiter}${process.env.PATH ?? ''}` };
}

/** The cluster as it is, without starting anything; undefined where none answers. */
export async function findCluster(): Promise<Cluster | undefined> {
  const lab = labCommand();
  if (!process.env.KUBECONFIG && lab === undefined) return undefined;
  const cluster = process.env.KUBECONFIG ? await named(process.env.KUBECONFIG) : clusterOf(await labEnvironment(lab!), lab);
  const { code } = await cluster.tryKubectl(['get', '--raw', '/readyz', '--request-timeout=5s']);
  return code === 0 ? cluster : undefined;
}

/** The cluster of a KUBECONFIG, which may be the lab's own. */
async function named(kubeconfig: string): Promise<Cluster> {
  const lab = labCommand();
  const is_lab = lab !== undefined && (await labEnvironment(lab)).KUBECONFIG === kubeconfig;
  return clusterOf({ ...process.env }, is_lab ? lab : undefined);
}

/** The lab command, from CHUNYUN_KUBE_LAB or beside the checkout. */
export function labCommand(): string | undefined {
  const path = process.env.CHUNYUN_KUBE_LAB ?? resolve(ROOT, BESIDE);
  return existsSync(path) ? path : undefined;
}

/** What `kube-lab env` exports, as variables. */
async function labEnvironment(lab: string): Promise<NodeJS.ProcessEnv> {
  const text = await outputOf([lab, 'env']);
  const of = (name: string): string => new RegExp(`${name}=(\\S+)`).exec(text)?.[1] ?? '';
  const bin = of('PATH').split(':')[0]!;
  return { ...process.env, KUBECONFIG: of('KUBECONFIG'), PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
}

function clusterOf(env: NodeJS.ProcessEnv, lab: string | undefined): Cluster {
  const tryRun = (program: string, args: readonly string[], { input, deadline_ms = CALL_MS }: KubectlOptions = {}) => outcomeOf([program, ...args], { env, input, deadline_ms });
  const run = async (program: string, args: readonly string[], options?: KubectlOptions): Promise<string> => {
    const { code, stdout, stderr } = await tryRun(program, args, options);
    if (code === 0) return stdout;
    throw new Told(`${program} ${args.join(' ')} failed (exit code ${code}):\n${stderr.trim() || stdout.trim()}`, `${program} ${args.join(' ')} 失败（退出码 ${code}）：\n${stderr.trim() || stdout.trim()}`);
  };
  return {
    env,
    lab,
    kubectl: (args, options) => run('kubectl', args, options),
    async apply(manager, objects) {
      if (objects.length === 0) return;
      const input = objects.map((one) => stringify(one)).join('---\n');
      await run('kubectl', ['apply', '--server-side', '--force-conflicts', `--field-manager=${manager}`, '-f', '-'], { input, deadline_ms: APPLY_MS });
    },
    istioctl: (args, options) => run('istioctl', args, options),
    tryKubectl: (args, options) => tryRun('kubectl', args, options),
  };
}

