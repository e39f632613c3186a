/** `npm run mesh:up`: the product on Kubernetes with Istio, stores and outside world included, until tickets can be bought. */
import { parseArgs } from 'node:util';
import { openCluster } from './mesh/cluster.ts';
import { meshUp } from './mesh/up.ts';
import { printError, say, words } from './say.ts';

const HELP = words(
  `npm run mesh:up   starts the product on the cluster that KUBECONFIG names, else on the lab cluster beside the checkout:
  images, secrets, stores, databases, services, edge, mesh policy, timetable, open sales. Done again, it changes what differs.
  On a cluster of yours the images localhost/chunyun-app:lab and localhost/chunyun-edge:lab must be on its nodes
  (docker build -f mesh/image/Dockerfile; kind load docker-image).

  then: npm run mesh:demo, mesh:test, mesh:down`,
  `npm run mesh:up   在 KUBECONFIG 指定的集群（否则在代码库旁的实验集群）上启动整套产品：
  镜像、密钥、存储、数据库、服务、网关、网格策略、时刻表与开售。重复执行只改变有差异的部分。
  使用自己的集群时，节点上须有镜像 localhost/chunyun-app:lab 与 localhost/chunyun-edge:lab
  （docker build -f mesh/image/Dockerfile；kind load docker-image）。

  之后：npm run mesh:demo、mesh:test、mesh:down`,
);

try {
  const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help === true) {
    console.log(HELP);
  } else {
    await meshUp({ cluster: await openCluster(say), tell: say });
    say('the product runs: npm run mesh:demo buys a ticket on it', '产品已运行：npm run mesh:demo 可购买一张车票');
  }
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
