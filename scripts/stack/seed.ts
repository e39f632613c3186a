/** What a stack needs to be of use once its services run: a timetable, and seats on sale. */
import { Health, HealthCheckResponse_ServingStatus } from '#gen/grpc/health/v1/health_pb.ts';
import { InventoryService } from '#gen/rail/inventory/v1/inventory_pb.ts';
import { QueryService } from '#gen/rail/query/v1/query_pb.ts';
import { systemClock } from '#kit/base/clock.ts';
import { systemRandom } from '#kit/base/random.ts';
import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { uuid7 } from '#kit/base/uuid7.ts';
import { createClient } from '#kit/rpc/client.ts';
import { RpcError } from '#kit/rpc/error.ts';
import { Told, type Say } from '../say.ts';
import { until } from './probe.ts';

export type SeedInput = {
  /** The environment of a tool of the stack: every <NAME>_ADDRESS, <NAME>_URL and PUBLIC_URL, and CALLER_KEY. */
  env: Readonly<Record<string, string>>;
  tell: Say;
  signal: AbortSignal;
};

/** Today and the fourteen days after it (requirements: 预售期). */
const SALE_DAYS = 15;
const SYNC_TIMEOUT_MS = 120_000;
const OPEN_TIMEOUT_MS = 300_000;

/** Has the timetable fetched from the railway; one that is there already, from the same feed, stays. */
export async function importTimetable({ env, tell, signal }: SeedInput): Promise<void> {
  const query = createClient(QueryService, { ...asOps(env), address: env.QUERY_ADDRESS! });
  try {
    const { active } = await query.syncTimetable({ requestId: newId(), despiteLosses: true }, { signal, timeout_ms: SYNC_TIMEOUT_MS });
    tell(`timetable ${active?.version}: ${active?.stationCount} stations, ${active?.trainCount} trains`, `时刻表 ${active?.version}：${active?.stationCount} 个车站，${active?.trainCount} 个车次`);
  } catch (error) {
    if (error instanceof RpcError && error.reason === 'FEED_INVALID') throw new Told(`The feed was refused: ${error.detail ?? error.message}`, `时刻表数据被拒绝：${error.detail ?? error.message}`);
    throw error;
  } finally {
    query.close();
  }
}

/** Opens the runs of the sale window for sale; those that are open stay. */
export async function openSales({ env, tell, signal }: SeedInput): Promise<void> {
  const inventory = createClient(InventoryService, { ...asOps(env), address: env.INVENTORY_ADDRESS! });
  const today = serviceDateAt(systemClock.now_ms());
  let [opened_runs, open_before] = [0, 0];
  try {
    for (let day = 0; day < SALE_DAYS; day++) {
      const serviceDate = addDays(today, day);
      const { opened, alreadyOpen, refused } = await inventory.openRuns({ requestId: newId(), serviceDate }, { signal, timeout_ms: OPEN_TIMEOUT_MS });
      opened_runs += opened;
      open_before += alreadyOpen;
      if (opened > 0) tell(`${serviceDate}: ${opened} runs on sale (${day + 1} of ${SALE_DAYS} days)`, `${serviceDate}：${opened} 个车次开售（第 ${day + 1}/${SALE_DAYS} 天）`);
      if (refused.length > 0) tell(`${serviceDate}: ${refused.length} runs could not be opened, first: ${refused[0]}`, `${serviceDate}：${refused.length} 个车次未能开售，例如 ${refused[0]}`);
    }
  } finally {
    inventory.close();
  }
  await untilShown(env, signal);
  tell(`${opened_runs + open_before} runs on sale`, `共 ${opened_runs + open_before} 个车次在售`);
}

/** Sales are open for travellers once query has taken over what remains; it says so by its health. */
async function untilShown(env: SeedInput['env'], signal: AbortSignal): Promise<void> {
  const health = createClient(Health, { ...asOps(env), address: env.QUERY_ADDRESS! });
  try {
    await until(signal, async () => (await health.check({ service: '' }, { signal })).status === HealthCheckResponse_ServingStatus.SERVING);
  } finally {
    health.close();
  }
}

function asOps(env: SeedInput['env']) {
  return { service: 'ops', caller_key: Buffer.from(env.CALLER_KEY!.split(',')[0]!, 'hex') };
}

function newId(): string {
  return uuid7(systemClock, systemRandom);
}
