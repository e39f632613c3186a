/** `npm run mesh:down`: takes the product off the cluster; the lab cluster itself ends too, unless it is to stay. */
import { parseArgs } from 'node:util';
import { findCluster } from './mesh/cluster.ts';
import { meshDown } from './mesh/down.ts';
import { printError, say, words } from './say.ts';

const HELP = words(
  'npm run mesh:down [-- --keep-cluster]   removes the product and all its data from the cluster, and ends the lab cluster',
  'npm run mesh:down [-- --keep-cluster]   从集群中移除产品及其全部数据，并结束实验集群',
);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' }, 'keep-cluster': { type: 'boolean' } } });
  if (values.help === true) return console.log(HELP);
  const cluster = await findCluster();
  if (cluster === undefined) return say('no cluster runs', '没有运行中的集群');
  await meshDown({ cluster, keep_cluster: values['keep-cluster'] === true, tell: say });
}

try {
  await main();
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
