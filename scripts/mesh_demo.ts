/** `npm run mesh:demo`: a traveller outside of the mesh buys one ticket through the edge of the cluster and verifies it. */
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { EDGE_URL } from './mesh/addresses.ts';
import { findCluster } from './mesh/cluster.ts';
import { printError, Told, words } from './say.ts';



const HELP = words('npm run mesh:demo [-- --from PLACE --to PLACE --date DATE]   buys one ticket on the product that npm run mesh:up started', 'npm run mesh:demo [-- --from 地点 --to 地点 --date 日期]   在 npm run mesh:up 启动的产品上购买一张车票');

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' }, from: { type: 'string' }, to: { type: 'string' }, date: { type: 'string' } } });
  if (values.help === true) {
    console.log(HELP);
    return 0;
  }
  const cluster = await findCluster();
  if (cluster === undefined) throw new Told('No cluster answers; start one with npm run mesh:up.', '没有可用的集群；请先执行 npm run mesh:up。');
  const { help: _, ...wishes } = values;
  const options = Object.entries(wishes).flatMap(([name, value]) => [`--${name}`, value as string]);
  const lang = process.env.LC_ALL ?? process.env.LANG ?? 'C';
  const child = spawn('kubectl', ['-n', 'chunyun-outside', 'exec', 'deploy/traveller', '--', 'env', `LANG=${lang}`, 'node', 'scripts/demo.ts', '--page', EDGE_URL, ...options], { env: cluster.env, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
