/** The product on a lab cluster of its own as the last part of a test run: started, tested, and taken down again whatever happened. */
import type { Counts } from '../check.ts';
import { runAva } from '../run_ava.ts';
import { printError, say } from '../say.ts';
import { findCluster, labCommand, openCluster, type Cluster } from './cluster.ts';
import { endLab, meshDown } from './down.ts';
import { meshUp } from './up.ts';

/** Those left out, canaries and rollouts, count what people would have seen: they need a machine that does nothing else, and take long. */
const FILES = ['purchase', 'access', 'calls', 'breaking', 'hashing', 'edge', 'configuration'].map((name) => `test/mesh/${name}.mesh.ts`);
/** All three together end within what a run may take (.ci/run: 90 minutes), also on a slow machine. */
const BEGUN_WITHIN_MS = 35 * 60_000;
const LAB_UP_MS = 30 * 60_000;
const DEADLINE_MS = 23 * 60_000;
const SKIPPED: Counts = { passed: 0, failed: 0, skipped: 1 };

/** Counts one skipped, and says why, where no lab cluster can be had, or not in the time that is left. */
export async function testOnMesh(interrupted: AbortSignal): Promise<Counts> {
  const lab = labCommand();
  if (lab === undefined) {
    say('there is no lab cluster beside the checkout, so the mesh is not tested', '代码库旁没有实验集群，跳过网格测试');
    return SKIPPED;
  }
  if ((await findCluster()) !== undefined) {
    say('a cluster runs here already, which is left as it is; npm run mesh:test tests it', '已有集群在运行，保持不变；可用 npm run mesh:test 测试');
    return SKIPPED;
  }
  if (process.uptime() * 1000 > BEGUN_WITHIN_MS) {
    say('the other tests took too long for those of the mesh to end in time; npm run mesh:up and mesh:test test it', '其他测试用时过长，网格测试来不及完成；可执行 npm run mesh:up 与 mesh:test');
    return SKIPPED;
  }
  let cluster: Cluster;
  try {
    cluster = await openCluster(say, { lab_up_ms: LAB_UP_MS });
  } catch (error) {
    // What a machine does not let us have is not the product's fault.
    printError(error);
    await endLab(lab, say).catch(printError);
    say('the lab cluster does not start on this machine, so the mesh is not tested', '此机器无法启动实验集群，跳过网格测试');
    return SKIPPED;
  }
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(DEADLINE_MS)]);
  try {
    await Promise.race([meshUp({ cluster, tell: say }), aborted(signal)]);
    return await runAva({ patterns: FILES, match: [], verbose: true, config: 'ava.mesh.config.js' }, { ...cluster.env }, signal);
  } catch (error) {
    printError(error);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    await meshDown({ cluster, keep_cluster: false, tell: say }).catch(printError);
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('starting the product on the cluster was given up')), { once: true }));
}
