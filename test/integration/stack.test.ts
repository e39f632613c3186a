/** The local stack from outside: started and ended as a person does, looked at through the kernel. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { StackStatus } from '../../scripts/stack/folder.ts';
import { isRunning } from '../../scripts/stack/identity.ts';
import { redisServes } from '../../scripts/stack/probe.ts';
import { RUN, ROOT } from '../../scripts/tools/paths.ts';
import { runSql } from '../../scripts/stack/sql.ts';
import { eventually, processesOfFolder } from '../support/processes.ts';

type Started = { child: ChildProcess; folder: string; output: () => string; exited: Promise<number | null> };

let names = 0;

function freshName(t: ExecutionContext): string {
  const name = `test-${process.pid}-${names++}`;
  t.teardown(() => {
    for (const { pid } of processesOfFolder(join(RUN, name))) process.kill(pid, 'SIGKILL');
    for (const path of [name, `${name}.old`, `${name}.lock`]) rmSync(join(RUN, path), { recursive: true, force: true });
  });
  return name;
}

function npmStart(t: ExecutionContext, name: string, ...args: string[]): Started {
  const child = spawn('node', [join(ROOT, 'bootstrap.mjs'), 'start', '--', '--name', name, '--services', 'none', '--no-edge', '--no-seed', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: '' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  t.teardown(() => child.kill('SIGKILL'));
  return { child, folder: join(RUN, name), output: () => output, exited: once(child, 'close').then(([code]) => code as number | null) };
}

async function ready(started: Started): Promise<StackStatus> {
  return eventually(() => {
    if (started.child.exitCode !== null) throw new Error(`ended: ${started.output()}`);
    const status = statusOf(started.folder);
    // A killed run left its last words in the file.
    return status?.state === 'ready' && isRunning(status.supervisor) && status;
  });
}

function statusOf(folder: string): StackStatus | undefined {
  const path = join(folder, 'stack.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as StackStatus) : undefined;
}

function environmentOf(folder: string): Record<string, string> {
  return JSON.parse(readFileSync(join(folder, 'environment.json'), 'utf8')) as Record<string, string>;
}

function without(addresses: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(addresses).filter(([name]) => !names.includes(name)));
}

async function endsEmpty(t: ExecutionContext, folder: string): Promise<void> {
  await eventually(() => processesOfFolder(folder).length === 0);
  t.deepEqual(processesOfFolder(folder), []);
}

test.serial('starts, is ended by Ctrl-C, and finds its data and addresses again', async (t) => {
  const name = freshName(t);
  const first = npmStart(t, name);
  const status = await ready(first);
  const env = environmentOf(first.folder);
  t.is(processesOfFolder(first.folder).length, 3);
  await runSql(env.MYSQL_ADMIN_URL!, ['CREATE TABLE chunyun_order.kept (n INT)', 'INSERT INTO chunyun_order.kept VALUES (7)']);
  first.child.kill('SIGINT');
  t.is(await first.exited, 0);
  await endsEmpty(t, first.folder);

  const second = npmStart(t, name);
  const { addresses } = await ready(second);
  // What others have taken meanwhile, as tests beside this one may, it says by name.
  const taken = [...second.output().matchAll(/port \d+ of (\w+) is taken/g)].map((match) => match[1]!);
  t.true(taken.length < 3, second.output());
  t.deepEqual(without(addresses, taken), without(status.addresses, taken));
  const [rows] = await runSql(environmentOf(second.folder).MYSQL_ADMIN_URL!, ['SELECT n FROM chunyun_order.kept']);
  t.is(rows?.[0]?.n, 7);
  second.child.kill('SIGTERM');
  await second.exited;

  const third = npmStart(t, name, '--reset');
  await ready(third);
  await t.throwsAsync(runSql(environmentOf(third.folder).MYSQL_ADMIN_URL!, ['SELECT n FROM chunyun_order.kept']));
  third.child.kill('SIGINT');
  await third.exited;
});

test.serial('Ctrl-C at any moment of a start leaves no process', async (t) => {
  const name = freshName(t);
  for (const sign of ['starting redis', 'mariadb/data.part', 'pids/redis.json', 'pids/mariadb.json', 'bringing the databases']) {
    const started = npmStart(t, name, '--reset');
    await eventually(() => started.output().includes(sign) || existsSync(join(started.folder, sign)) || started.output().includes('ready\n'));
    started.child.kill('SIGINT');
    const code = await started.exited;
    t.true(code === 130 || code === 0, `${sign}: ${code} ${started.output()}`);
    await endsEmpty(t, started.folder);
  }
  // The half-finished folder is made good by the next start.
  mkdirSync(join(RUN, name, 'mariadb', 'data.part'), { recursive: true });
  const again = npmStart(t, name);
  await ready(again);
  again.child.kill('SIGINT');
  t.is(await again.exited, 0);
});

test.serial('killing the supervisor, or what npm runs, leaves no process', async (t) => {
  const name = freshName(t);
  const first = npmStart(t, name);
  process.kill((await ready(first)).supervisor.pid, 'SIGKILL');
  await first.exited;
  await endsEmpty(t, first.folder);

  const second = npmStart(t, name);
  await ready(second);
  second.child.kill('SIGKILL');
  await second.exited;
  await eventually(() => statusOf(second.folder)?.state === 'stopped');
  await endsEmpty(t, second.folder);
});

test.serial('a server that dies is started again at the same address, with its data', async (t) => {
  const started = npmStart(t, freshName(t));
  const { addresses } = await ready(started);
  const { port, password } = new URL(environmentOf(started.folder).REDIS_URL!);
  const pid_path = join(started.folder, 'pids', 'redis.json');
  const pid = (): number => (JSON.parse(readFileSync(pid_path, 'utf8')) as { pid: number }).pid;
  const killed = pid();
  process.kill(killed, 'SIGKILL');
  await eventually(() => existsSync(pid_path) && pid() !== killed && redisServes(Number(port), password));
  t.is(`127.0.0.1:${port}`, addresses.redis!);
  started.child.kill('SIGINT');
  await started.exited;
  await endsEmpty(t, started.folder);
});

test.serial('a port that somebody else took since is replaced', async (t) => {
  const name = freshName(t);
  const first = npmStart(t, name);
  const before = (await ready(first)).addresses;
  first.child.kill('SIGINT');
  await first.exited;

  const intruder = createServer().listen(Number(before.redis!.split(':')[1]), '127.0.0.1');
  t.teardown(() => intruder.close());
  await once(intruder, 'listening');
  const second = npmStart(t, name);
  const after = (await ready(second)).addresses;
  t.not(after.redis, before.redis);
  t.is(after.mysql, before.mysql);
  t.regex(second.output(), /port \d+ of redis is taken/);
  second.child.kill('SIGINT');
  await second.exited;
});

test.serial('one stack of a name at a time, others beside it; npm run stop ends it', async (t) => {
  const name = freshName(t);
  const first = npmStart(t, name);
  await ready(first);
  const same = npmStart(t, name);
  t.is(await same.exited, 1);
  t.regex(same.output(), /already running/);
  const other = npmStart(t, freshName(t));
  await ready(other);

  const stop = spawn('node', [join(ROOT, 'bootstrap.mjs'), 'stop', '--name', name], { stdio: 'ignore' });
  t.deepEqual(await once(stop, 'close'), [0, null]);
  t.is(await first.exited, 0);
  await endsEmpty(t, first.folder);
  t.is(processesOfFolder(other.folder).length, 3);
  other.child.kill('SIGINT');
  await other.exited;
});

test.serial('data of another version is moved aside, not used and not lost', async (t) => {
  const name = freshName(t);
  const folder = join(RUN, name);
  mkdirSync(join(folder, 'mariadb', 'data'), { recursive: true });
  writeFileSync(join(folder, 'mariadb', 'data', 'old'), 'old');
  writeFileSync(join(folder, 'version'), '0\n');
  const started = npmStart(t, name);
  await ready(started);
  t.is(readFileSync(join(`${folder}.old`, 'mariadb', 'data', 'old'), 'utf8'), 'old');
  started.child.kill('SIGINT');
  await started.exited;
});

test.serial('secrets are for the owner only and stand on no command line', async (t) => {
  const started = npmStart(t, freshName(t));
  await ready(started);
  const secrets = JSON.parse(readFileSync(join(started.folder, 'secrets.json'), 'utf8')) as Record<string, string>;
  for (const file of ['secrets.json', 'environment.json', 'redis/redis.conf', 'nats/nats.conf', 'mariadb/init.sql']) {
    t.is(statSync(join(started.folder, file)).mode & 0o777, 0o600, file);
  }
  const seen = `${readFileSync(join(started.folder, 'stack.json'), 'utf8')}${started.output()}${processesOfFolder(started.folder).map(({ command }) => command).join('\n')}`;
  for (const [what, secret] of Object.entries(secrets)) t.false(seen.includes(secret), what);
  started.child.kill('SIGINT');
  await started.exited;
});

test.serial('wrong options are told in words', async (t) => {
  for (const args of [['--nonsense'], ['--processes', 'two'], ['--feed', 'not-there.zip'], ['--name', '../up']]) {
    const started = npmStart(t, 'default', ...args);
    t.is(await started.exited, 1);
    t.notRegex(started.output(), /^\s+at /m, args.join(' '));
  }
});
