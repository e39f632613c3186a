/** Streams on a cluster of three, as in production (mesh/k8s/overlays). */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { silentLog } from '#kit/telemetry/log.ts';
import { quiet } from '../../scripts/say.ts';
import { freePort, LOOPBACK } from '../../scripts/stack/ports.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import { ensureTools } from '../../scripts/tools/index.ts';
import { eventually, kill } from '../../test/support/processes.ts';
import { openBus } from './bus.ts';
import { ensureStreams, eventSubject, keepStreams, STREAMS, streamName } from './streams.ts';

const TOKEN = 'cluster-of-a-test';

test('streams get as many copies as are asked for, and take events when one of three servers is lost', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-nats-'));
  const servers: ChildProcess[] = [];
  t.teardown(async () => {
    await Promise.all(servers.map(kill));
    rmSync(folder, { recursive: true, force: true });
  });
  const { nats } = await ensureTools(['nats'], quiet);
  const ports = await Promise.all(Array.from({ length: 6 }, () => freePort()));
  const [clients, routes] = [ports.slice(0, 3), ports.slice(3)];
  for (const [index, port] of clients.entries()) {
    servers.push(serve(nats.path, join(folder, `${index}.conf`), [
      `server_name: "n${index}"`, `listen: "${LOOPBACK}:${port}"`, `authorization { token: "${TOKEN}" }`, `jetstream { store_dir: "${join(folder, String(index))}" }`,
      `cluster { name: "test", listen: "${LOOPBACK}:${routes[index]}", no_advertise: true, routes: [${routes.map((route) => `"nats://${LOOPBACK}:${route}"`).join(', ')}] }`,
    ]));
  }
  const url = clients.map((port) => `nats://${LOOPBACK}:${port}`).join(',');
  const open = () => openBus({ url, token: TOKEN, log: silentLog(), service: 'order' });
  // Until the three have a leader there is no JetStream.
  const bus = await eventually(() => open().catch(() => undefined));
  t.teardown(() => bus.close());
  const copies = async (): Promise<number[]> => Promise.all(STREAMS.map(async (stream) => (await bus.jsm.streams.info(streamName(bus, stream))).config.num_replicas));
  await eventually(() => ensureStreams(bus).then(() => true, () => false));
  t.deepEqual(new Set(await copies()), new Set([1]));
  await eventually(() => ensureStreams(bus, { replicas: 3 }).then(() => true, () => false));
  t.deepEqual(new Set(await copies()), new Set([3]));

  const publish = (): Promise<boolean> => bus.js.publish(eventSubject(bus, 'ORDER', 7, 'order'), 'event').then(() => true, () => false);
  await eventually(publish);
  // The new copies have all of it before one server goes.
  await eventually(async () => (await bus.jsm.streams.info(streamName(bus, 'ORDER'))).cluster?.replicas?.every(({ current }) => current) === true);
  await kill(servers[0]!);
  await eventually(publish);
  const { state } = await eventually(() => bus.jsm.streams.info(streamName(bus, 'ORDER')).catch(() => undefined));
  t.true(state.messages >= 2);
});

test('a server that comes back without its disk gets its streams again from those who are connected', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-nats-'));
  let server: ChildProcess | undefined;
  t.teardown(async () => {
    if (server !== undefined) await kill(server);
    rmSync(folder, { recursive: true, force: true });
  });
  const { nats } = await ensureTools(['nats'], quiet);
  const port = await freePort();
  const start = (disk: string): ChildProcess => serve(nats.path, join(folder, `${disk}.conf`), [`listen: "${LOOPBACK}:${port}"`, `authorization { token: "${TOKEN}" }`, `jetstream { store_dir: "${join(folder, disk)}" }`]);
  server = start('first');
  const log = silentLog();
  const bus = await eventually(() => openBus({ url: `nats://${LOOPBACK}:${port}`, token: TOKEN, log, service: 'order' }).catch(() => undefined));
  t.teardown(() => bus.close());
  await keepStreams(bus, { log });
  await bus.js.publish(eventSubject(bus, 'ORDER', 7, 'order'), 'event');
  await kill(server);
  server = start('second');
  await eventually(() => bus.js.publish(eventSubject(bus, 'ORDER', 7, 'order'), 'event').then(() => true, () => false));
  const { state } = await bus.jsm.streams.info(streamName(bus, 'ORDER'));
  t.is(state.messages, 1, 'what the lost disk had is gone');
});

/** A server with these lines as its configuration. */
function serve(program: string, config: string, lines: readonly string[]): ChildProcess {
  writeFileSync(config, `${lines.join('\n')}\n`);
  const words = [...dieWithUs(), program, '-c', config];
  return spawn(words[0]!, words.slice(1), { stdio: 'ignore' });
}
