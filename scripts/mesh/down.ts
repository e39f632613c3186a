/** Takes the product off a cluster; the lab cluster itself ends too, unless it is to stay. */
import { step, type Say } from '../say.ts';
import { outputOf } from '../tools/command.ts';
import type { Cluster } from './cluster.ts';

const NAMESPACES = ['chunyun', 'chunyun-outside', 'chunyun-data'];
const GONE_MS = 300_000;

export async function meshDown({ cluster, keep_cluster, tell }: { cluster: Cluster; keep_cluster: boolean; tell: Say }): Promise<void> {
  const { lab } = cluster;
  if (lab !== undefined && !keep_cluster) {
    await endLab(lab, tell);
    return;
  }
  await step(tell, 'removing the product', '正在移除产品', () => cluster.kubectl(['delete', 'namespace', ...NAMESPACES, '--ignore-not-found', '--wait'], { deadline_ms: GONE_MS }));
}

/** Ends the lab cluster, or what of it has started. */
export async function endLab(lab: string, tell: Say): Promise<void> {
  await step(tell, 'ending the lab cluster', '正在结束实验集群', () => outputOf([lab, 'down'], { deadline_ms: GONE_MS }));
}
