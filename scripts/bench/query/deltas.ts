/** What one change of a run costs a replica: reading the message and taking the state over. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { InventoryService, WatchRemainingResponseSchema, type RunRemaining } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import { RemainingTable } from '../../../services/query/domain/remaining.ts';
import { remainingFrom } from '../../../services/query/rpc/inventory.ts';
import { median, round } from '../inventory/measure.ts';
import type { World } from './world.ts';

const RUNS = 4_000;
const ROUNDS = 9;

/** Every message is one run, as while a few are sold; in bursts inventory joins up to 64. */
export async function measureDeltas(world: World): Promise<Record<string, unknown>> {
  const messages = (await someRuns(world)).map((run) => toBinary(WatchRemainingResponseSchema, create(WatchRemainingResponseSchema, { runs: [run] })));
  const table = new RemainingTable();
  const client = {
    async *watchRemaining() {
      for (const bytes of messages) yield fromBinary(WatchRemainingResponseSchema, bytes);
    },
  };
  const source = remainingFrom(client as unknown as Parameters<typeof remainingFrom>[0]);
  const costs_us: number[] = [];
  for (let number = 1; number <= ROUNDS; number += 1) {
    const before = process.cpuUsage();
    for await (const { runs } of source.watch(new AbortController().signal)) for (const run of runs) table.put({ ...run, version: run.version + BigInt(number) });
    const { user, system } = process.cpuUsage(before);
    costs_us.push((user + system) / messages.length);
  }
  return { delta_cpu_us: round(median(costs_us), 1), delta_bytes: round(messages.reduce((sum, { length }) => sum + length, 0) / messages.length) };
}

async function someRuns({ stack: { env } }: World): Promise<RunRemaining[]> {
  const inventory = createClient(InventoryService, { address: env.INVENTORY_ADDRESS!, service: 'query', caller_key: Buffer.from(env.CALLER_KEY!.split(',')[0]!, 'hex') });
  const found: RunRemaining[] = [];
  const ending = new AbortController();
  try {
    for await (const { runs } of inventory.watchRemaining({}, { signal: ending.signal, timeout_ms: Infinity })) {
      found.push(...runs);
      if (found.length >= RUNS) break;
    }
    return found;
  } finally {
    ending.abort();
    inventory.close();
  }
}
