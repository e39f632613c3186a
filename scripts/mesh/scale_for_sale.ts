/**
 * `node scripts/mesh/scale_for_sale.ts PLAN`: the job `sale-scaling` of a cluster (mesh/k8s/components/sale-scaling). PLAN is a
 * YAML file (`SalePlan`). Runs as often as one likes; prints one line of JSON, and fails when an autoscaler could not be set.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { systemClock } from '#kit/base/clock.ts';
import { printError, Told } from '../say.ts';
import { autoscalersOver } from './autoscalers.ts';
import { planSchema, scaleForSale } from './sale_scaling.ts';

/** All of it; the next run of the job comes later than that. */
const DEADLINE_MS = 120_000;
const ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

try {
  const file = process.argv[2];
  if (file === undefined) throw new Told('usage: node scripts/mesh/scale_for_sale.ts PLAN', '用法：node scripts/mesh/scale_for_sale.ts 计划文件');
  const { KUBERNETES_API_URL = 'https://kubernetes.default.svc', SERVICE_ACCOUNT_DIR = ACCOUNT_FOLDER } = process.env;
  const read = (name: string): string => readFileSync(join(SERVICE_ACCOUNT_DIR, name), 'utf8').trim();
  const autoscalers = autoscalersOver({ url: KUBERNETES_API_URL, namespace: read('namespace'), token: () => read('token'), signal: AbortSignal.timeout(DEADLINE_MS) });
  const report = await scaleForSale(planSchema.parse(parse(readFileSync(file, 'utf8'))), systemClock.now_ms(), autoscalers);
  console.log(JSON.stringify(report));
  if (report.failed.length > 0) process.exitCode = 1;
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
