/** Moves a bucket of the inventory to another master of Redis Cluster: close, move its slot, rebuild from the ledger. */
import type { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import type { ServiceClient } from '#kit/rpc/client.ts';
import { Told, type Say } from '../say.ts';
import { connectMasters, keysOf, moveSlot, ownerOf, type ClusterNode } from './move_slot.ts';

export type MoveInput = {
  inventory: Pick<ServiceClient<typeof InventoryService>, 'closeBuckets' | 'rebuildBuckets'>;
  redis_urls: readonly string[];
  bucket: number;
  /** `host:port` or the id of a master. */
  to: string;
  reason: string;
  tell: Say;
};

export type Moved = { slot: number; buckets: number[]; keys: number; runs: number; from: string };

const CLOSE_TIMEOUT_MS = 10_000;
const REBUILD_TIMEOUT_MS = 300_000;

/**
 * While it runs, calls of the bucket are answered SHARD_CLOSED with a time to come back; all others go on. When it fails on
 * the way the bucket stays closed, and running it again goes on where it stopped.
 */
export async function moveBucket({ inventory, redis_urls, bucket, to, reason, tell }: MoveInput): Promise<Moved> {
  const masters = await connectMasters(redis_urls);
  try {
    const target = masters.nodes.find((node) => node.id === to || `${node.host}:${node.port}` === to);
    if (target === undefined) throw new Told(`${to} is no master of this cluster; masters are ${masters.nodes.map(nameOf).join(', ')}`, `${to} 不是本集群的主节点；主节点有 ${masters.nodes.map(nameOf).join('、')}`);
    const slot = Number(await target.client.call('CLUSTER', 'KEYSLOT', `{b${bucket}}`));
    const source = await ownerOf(masters.nodes, slot);
    const buckets = bucketsAmong(bucket, [...(await keysOf(source, slot)), ...(await keysOf(target, slot))]);
    tell(`slot ${slot} goes from ${nameOf(source)} to ${nameOf(target)}, with bucket ${buckets.join(', ')}`, `槽位 ${slot} 将从 ${nameOf(source)} 迁移到 ${nameOf(target)}，涉及分桶 ${buckets.join('、')}`);
    await inventory.closeBuckets({ requestId: newId(), buckets, reason }, { timeout_ms: CLOSE_TIMEOUT_MS });
    tell(`bucket ${buckets.join(', ')} closed: its calls are told to come back`, `分桶 ${buckets.join('、')} 已关闭：相关请求会被告知稍后重试`);
    const keys = await moveSlot(masters.nodes, slot, source, target, tell);
    tell(`slot ${slot} is on ${nameOf(target)}`, `槽位 ${slot} 已在 ${nameOf(target)} 上`);
    const { runs } = await inventory.rebuildBuckets({ requestId: newId(), buckets }, { timeout_ms: REBUILD_TIMEOUT_MS });
    tell(`bucket ${buckets.join(', ')} rebuilt with ${runs} runs and open`, `分桶 ${buckets.join('、')} 已重建（${runs} 个车次）并开放`);
    return { slot, buckets, keys, runs, from: nameOf(source) };
  } finally {
    masters.close();
  }
}

/** Buckets share a slot now and then; all of them go along. */
function bucketsAmong(bucket: number, keys: readonly string[]): number[] {
  const found = keys.flatMap((key) => /^\{b(\d+)\}:/.exec(key)?.[1] ?? []).map(Number);
  return [...new Set([bucket, ...found])].toSorted((left, right) => left - right);
}

function nameOf({ host, port }: ClusterNode): string {
  return `${host}:${port}`;
}

function newId(): string {
  return uuid7(systemClock, systemRandom);
}
