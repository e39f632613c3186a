/** A primary, its replica and three sentinels, as in the smallest deployment (mesh/k8s/overlays/minimal). */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Redis } from 'ioredis';
import { silentLog } from '#kit/telemetry/log.ts';
import { quiet } from '../../scripts/say.ts';
import { freePort, LOOPBACK } from '../../scripts/stack/ports.ts';
import { redisServes } from '../../scripts/stack/probe.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import { ensureTools } from '../../scripts/tools/index.ts';
import { eventually, kill } from '../../test/support/processes.ts';
import { openRedis } from './redis.ts';

const PASSWORD = 'watched-by-sentinels';
const SENTINELS = 3;

test('the primary is killed: its replica takes over, and the same client writes to it', async (t) => {
  const { redis: tool } = await ensureTools(['redis'], quiet);
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-sentinel-'));
  const children: ChildProcess[] = [];
  t.teardown(async () => {
    await Promise.all(children.map(kill));
    rmSync(folder, { recursive: true, force: true });
  });
  const start = async (lines: string[], as_sentinel = false): Promise<{ port: number; child: ChildProcess }> => {
    const port = await freePort();
    const config = join(folder, `${port}.conf`);
    writeFileSync(config, [`port ${port}`, `bind ${LOOPBACK}`, `requirepass ${PASSWORD}`, `dir ${folder}`, ...lines, ''].join('\n'));
    const words = [...dieWithUs(), tool.path, config, ...(as_sentinel ? ['--sentinel'] : [])];
    const child = spawn(words[0]!, words.slice(1), { env: { ...process.env, ...tool.env }, stdio: 'ignore' });
    children.push(child);
    await eventually(() => redisServes(port, PASSWORD));
    return { port, child };
  };
  const server = ['save ""', `masterauth ${PASSWORD}`];
  const primary = await start(server);
  const replica = await start([...server, `replicaof ${LOOPBACK} ${primary.port}`]);
  const watch = ['monitor', 'auth-pass', 'down-after-milliseconds', 'failover-timeout'].map((word, index) => `sentinel ${word} chunyun ${[`${LOOPBACK} ${primary.port} 2`, PASSWORD, '1000', '5000'][index]}`);
  const sentinels = await Promise.all(Array.from({ length: SENTINELS }, () => start([...watch, `sentinel sentinel-pass ${PASSWORD}`], true)));
  await eventually(() => knowEachOther(sentinels.map(({ port }) => port)));

  const url = sentinels.map(({ port }, index) => `redis://:${PASSWORD}@${LOOPBACK}:${port}${index === 0 ? '?sentinel=chunyun' : ''}`);
  const redis = await openRedis({ url, log: silentLog(), service: 'test' });
  t.teardown(() => redis.close());
  t.is(await redis.client.set('held', 'before'), 'OK');
  await eventually(async () => (await redis.client.wait(1, 100)) === 1);
  t.is(portOf(redis.client as Redis), primary.port);

  await kill(primary.child);
  await eventually(async () => (await redis.client.set('held', 'after').catch(() => undefined)) === 'OK');
  t.is(portOf(redis.client as Redis), replica.port);
  t.is(await redis.client.get('held'), 'after');
});

/** Only then can they agree on anything. */
async function knowEachOther(ports: readonly number[]): Promise<boolean> {
  const known = await Promise.all(ports.map(async (port) => {
    const client = new Redis({ host: LOOPBACK, port, password: PASSWORD, maxRetriesPerRequest: 1 });
    const info = await client.info('sentinel').finally(() => client.disconnect());
    return /slaves=1,sentinels=3/.test(info);
  }));
  return known.every(Boolean);
}

function portOf({ stream }: Redis): number {
  return (stream as unknown as { remotePort: number }).remotePort;
}
