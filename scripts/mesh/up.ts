/** The product on a cluster, from an empty one to open sales; done again, it changes what differs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { tokenPolicy } from '../../mesh/istio/token_keys.ts';
import { step, Told, type Say } from '../say.ts';
import type { ServiceName } from '../stack/services.ts';
import { ROOT } from '../tools/paths.ts';
import type { Cluster } from './cluster.ts';
import { APP_IMAGE, EDGE_IMAGE, loadImages } from './image.ts';
import { ensureSecrets, MANAGER } from './secrets.ts';

/** As the overlay names it; the lab's images have a tag that says what is in them. */
const TAG = 'lab';
const LAB = join(ROOT, 'mesh', 'k8s', 'overlays', 'lab');
const POLICY = join(ROOT, 'mesh', 'istio', 'overlays', 'lab');

const ROLLOUT_MS = 900_000;
const JOB_MS = 1_800_000;
const LOOK_MS = 1_000;

/** Who is asked for comes before who asks. All at once would start, too; a small machine gets through sooner this way. */
const WAVES = [['identity', 'risk', 'inventory'], ['query', 'payment', 'ticketing'], ['order', 'aftersales', 'notification'], ['ops', 'edge']] as const satisfies readonly (readonly (ServiceName | 'edge')[])[];

type Manifest = { kind: string; metadata: { name: string; namespace?: string }; spec?: Record<string, unknown> };

export type UpOptions = { cluster: Cluster; tell: Say };

export async function meshUp({ cluster, tell }: UpOptions): Promise<void> {
  const tag = cluster.lab === undefined ? TAG : await loadImages({ cluster: { ...cluster, lab: cluster.lab }, tell });
  const manifests = await render(cluster, LAB, tag);
  await step(tell, 'making namespaces, secrets and stores', '正在创建命名空间、密钥与存储', async () => {
    await cluster.apply(MANAGER, manifests.filter(({ kind }) => kind === 'Namespace'));
    await ensureSecrets(cluster);
    await cluster.apply(MANAGER, manifests.filter((one) => !isOurPod(one) && one.kind !== 'Namespace'));
    for (const store of ['redis', 'mysql', 'nats']) await rolledOut(cluster, 'chunyun-data', `statefulset/${store}`);
  });
  await step(tell, 'laying the policy of the mesh', '正在应用网格策略', async () => {
    await cluster.apply(MANAGER, await render(cluster, POLICY));
    await layTokenPolicy(cluster);
  });
  await step(tell, 'bringing the databases up to date', '正在更新数据库结构', () => runJob(cluster, manifests.filter(({ kind }) => kind === 'Job')));
  await step(tell, 'starting the services and the edge', '正在启动服务与网关', async () => {
    for (const wave of WAVES) await startWave(cluster, tell, manifests.filter((one) => isOurDeployment(one) && wave.some((name) => name === one.metadata.name)));
    for (const name of ['sandbox', 'traveller']) await rolledOut(cluster, 'chunyun-outside', `deployment/${name}`);
  });
  await step(tell, 'importing the timetable and opening sales', '正在导入时刻表并开售', async () => {
    await cluster.kubectl(['-n', 'chunyun', 'delete', 'job', 'open-sales-now', '--ignore-not-found']);
    await cluster.kubectl(['-n', 'chunyun', 'create', 'job', '--from=cronjob/open-sales', 'open-sales-now']);
    await jobDone(cluster, 'open-sales-now');
  });
}

/** The manifests of an overlay, with images of this tag. */
async function render(cluster: Cluster, overlay: string, tag = TAG): Promise<Manifest[]> {
  const text = (await cluster.kubectl(['kustomize', overlay])).replaceAll(new RegExp(`(${APP_IMAGE}|${EDGE_IMAGE}):${TAG}\\b`, 'g'), `$1:${tag}`);
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** The keys of tokens as identity has them, written into the policy: proxies of the lab do not fetch them (mesh/istio/README.md). */
async function layTokenPolicy(cluster: Cluster): Promise<void> {
  const { data } = JSON.parse(await cluster.kubectl(['-n', 'chunyun', 'get', 'secret', 'keys-identity', '-o', 'json'])) as { data: Record<string, string> };
  const folder = await mkdtemp(join(tmpdir(), 'chunyun-token-keys-'));
  try {
    for (const [file, base64] of Object.entries(data)) await writeFile(join(folder, file), Buffer.from(base64, 'base64'), { mode: 0o600 });
    await cluster.apply(MANAGER, parseAllDocuments(await tokenPolicy(folder)).map((document) => document.toJS() as object));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Pods of ours wait for secrets, stores and tables. */
function isOurPod(one: Manifest): boolean {
  return one.kind === 'Job' || isOurDeployment(one);
}

function isOurDeployment({ kind, metadata }: Manifest): boolean {
  return kind === 'Deployment' && metadata.namespace === 'chunyun';
}

async function runJob(cluster: Cluster, jobs: readonly Manifest[]): Promise<void> {
  for (const job of jobs) {
    // A Job cannot be changed; what an earlier run left makes room.
    await cluster.kubectl(['-n', 'chunyun', 'delete', 'job', job.metadata.name, '--ignore-not-found']);
    await cluster.apply(MANAGER, [job]);
    await jobDone(cluster, job.metadata.name);
  }
}

async function jobDone(cluster: Cluster, name: string): Promise<void> {
  const until_ms = Date.now() + JOB_MS;
  while (Date.now() < until_ms) {
    const { status = {} } = JSON.parse(await cluster.kubectl(['-n', 'chunyun', 'get', 'job', name, '-o', 'json'])) as { status?: { conditions?: { type: string; status: string }[] } };
    const is = (type: string): boolean => (status.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
    if (is('Complete')) return;
    if (is('Failed')) break;
    await sleep(LOOK_MS);
  }
  const { stdout } = await cluster.tryKubectl(['-n', 'chunyun', 'logs', `job/${name}`, '-c', 'job', '--tail=20']);
  throw new Told(`The job ${name} failed:\n${stdout}`, `任务 ${name} 失败：\n${stdout}`);
}

async function startWave(cluster: Cluster, tell: Say, deployments: readonly Manifest[]): Promise<void> {
  await cluster.apply(MANAGER, deployments);
  await Promise.all(
    deployments.map(async ({ metadata: { name } }) => {
      await rolledOut(cluster, 'chunyun', `deployment/${name}`);
      tell(`${name} is ready`, `${name} 已就绪`);
    }),
  );
}

async function rolledOut(cluster: Cluster, namespace: string, name: string): Promise<void> {
  await cluster.kubectl(['-n', namespace, 'rollout', 'status', name, `--timeout=${ROLLOUT_MS / 1000}s`], { deadline_ms: ROLLOUT_MS + 10_000 });
}
