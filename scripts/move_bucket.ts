/** `npm run move_bucket -- --bucket N --to HOST:PORT`: see docs/runbooks/move-a-bucket.md. */
import { parseArgs } from 'node:util';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { fromHex } from '#kit/base/bytes.ts';
import { createClient } from '#kit/rpc/client.ts';
import { moveBucket } from './cluster/move_bucket.ts';
import { printError, say, Told, words } from './say.ts';

const HELP = words(
  `npm run move_bucket -- --bucket N --to HOST:PORT   moves a bucket of the inventory to another master of Redis Cluster

  --bucket N       the bucket; others that share its slot go along
  --to HOST:PORT   the master that shall have it (or its id)
  --reason TEXT    for logs and the audit (default: moved)

  Environment as for the services: REDIS_URL (any servers of the cluster, separated by commas), INVENTORY_ADDRESS, CALLER_KEY.
  The bucket is closed meanwhile, all others go on selling. Interrupted, it stays closed: run it again.`,
  `npm run move_bucket -- --bucket 编号 --to 主机:端口   把库存的一个分桶迁移到 Redis Cluster 的另一个主节点

  --bucket 编号     分桶；与它同槽位的分桶会一起迁移
  --to 主机:端口    目标主节点（或其节点 id）
  --reason 文字     写入日志与审计（默认 moved）

  环境变量与各服务相同：REDIS_URL（集群中任意服务器，逗号分隔）、INVENTORY_ADDRESS、CALLER_KEY。
  迁移期间该分桶关闭，其余分桶照常售票。若中断，分桶保持关闭，重新运行即可继续。`,
);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { bucket: { type: 'string' }, to: { type: 'string' }, reason: { type: 'string', default: 'moved' }, help: { type: 'boolean', short: 'h', default: false } } });
  if (values.help) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  const bucket = Number(values.bucket ?? NaN);
  if (!Number.isSafeInteger(bucket) || bucket < 0 || values.to === undefined) throw new Told(HELP);
  const inventory = createClient(InventoryService, { address: setting('INVENTORY_ADDRESS').split(','), service: 'ops', caller_key: fromHex(setting('CALLER_KEY').split(',')[0]!) });
  try {
    await moveBucket({ inventory, redis_urls: setting('REDIS_URL').split(','), bucket, to: values.to, reason: values.reason, tell: say });
  } finally {
    inventory.close();
  }
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Told(`${name} is not set`, `未设置 ${name}`);
  return value;
}

try {
  await main();
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
