// The operators' command and protection mode on the whole product, through the edge.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { startTestStack, type TestStack } from '../support/edge_stack.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/ops.ts', import.meta.url));

let stack: TestStack;

test.before(async (t) => {
  t.timeout(300_000);
  stack = await startTestStack();
});
test.after.always(() => stack?.stop());

/** What the command prints, and how it ends. */
async function ops(args: readonly string[], lang = 'C'): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [SCRIPT, '--name', stack.folder.name, ...args], { env: { ...process.env, LANG: lang, LC_ALL: lang }, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}

test.serial('an operator sees jobs, runs one, and reads its report', async (t) => {
  t.timeout(300_000);
  const jobs = await ops(['jobs']);
  t.is(jobs.code, 0, jobs.err);
  for (const job of ['archive-request-ids', 'archive-orders', 'alert-round', 'reconcile-inventory', 'replay-dead-letters']) t.true(jobs.out.includes(job), job);
  t.true((await ops(['jobs'], 'zh_CN.UTF-8')).out.includes('归档幂等记录'));
  const archive = await ops(['run', 'archive-request-ids']);
  t.is(archive.code, 0, archive.err);
  const report = JSON.parse(archive.out) as Record<string, unknown>;
  t.deepEqual(Object.keys(report).toSorted(), ['identity', 'inventory', 'job_runs_forgotten', 'notification', 'ops', 'order', 'payment', 'risk'], 'every service that keeps answers has done it');
  const orders = await ops(['run', 'archive-orders']);
  t.deepEqual(JSON.parse(orders.out), { orders: 0, entries: 0, days: 0, deleted: 0 }, orders.err);
  const alerts = await ops(['run', 'alert-round']);
  t.is(alerts.code, 0, alerts.err);
  t.notRegex(alerts.out, /SERVICE_DOWN/);
  const republished = await ops(['run', 'republish-events', JSON.stringify({ stream: 'ORDER', since: new Date(Date.now() - 3_600_000).toISOString() })]);
  t.deepEqual(JSON.parse(republished.out), { stream: 'ORDER', published: 0 }, republished.err);
  const unknown = await ops(['run', 'dance']);
  t.is(unknown.code, 1);
  t.regex(unknown.err, /JOB_NOT_FOUND/);
});

test.serial('settings are set, read with their history, and rolled back; dead letters and queues are shown', async (t) => {
  t.timeout(300_000);
  t.regex((await ops(['settings', 'set', 'calls.gateway', '{"timeout_ms":2500}', '--comment', 'slow today'])).out, /calls\.gateway +1 +\{"timeout_ms":2500\}/);
  t.regex((await ops(['settings', 'set', 'calls.gateway', '{"timeout_ms":60000}'])).err, /FIELD_INVALID/);
  t.regex((await ops(['settings', 'rollback', 'calls.gateway', '0'])).out, /calls\.gateway +2 +\{"timeout_ms":3000\}/);
  t.regex((await ops(['settings', 'history', 'calls.gateway'])).out, /rolled back to version 0[\s\S]*slow today/);
  t.regex((await ops(['dead-letters'])).out, /0 in all/);
  t.regex((await ops(['queues'], 'zh_CN.UTF-8')).out, /没有人在排队/);
});

test.serial('protection is forced on and off and shows its reason, to everybody who asks as well', async (t) => {
  t.timeout(300_000);
  t.regex((await ops(['protection'])).out, /protection: off \(NONE\)/);
  t.is((await ops(['protection', 'on'])).code, 0);
  let shown = await ops(['protection']);
  while (!shown.out.includes('protection: on')) shown = await ops(['protection']);
  t.regex(shown.out, /on \(FORCED\) since .*limits ×0\.5, queues ×0\.5/);
  const public_read = (await (await fetch(`${stack.page}/v1/protection`)).json()) as { active: boolean; reason: string };
  t.like(public_read, { active: true, reason: 'PROTECTION_REASON_FORCED' });
  t.is((await ops(['protection', 'auto'])).code, 0);
  while (!shown.out.includes('protection: off')) shown = await ops(['protection']);
  t.pass();
});

test.serial('an operator has a run refunded and sees how far it is', async (t) => {
  t.timeout(300_000);
  t.regex((await ops(['refunds'])).out, /No run is refunded/);
  t.regex((await ops(['refunds', 'run', 'G1.20260115'])).err, /reason, which travellers read/);
  t.regex((await ops(['refunds', 'run', 'nonsense', 'a', 'flood'])).err, /FIELD_INVALID/);
  const begun = await ops(['refunds', 'run', 'G1.20260115', 'a', 'flood']);
  t.regex(begun.out, /G1\.20260115 +by hand/, begun.err);
  const job_id = /^(\d+) /m.exec(begun.out)![1]!;
  let shown = begun;
  while (!shown.out.includes('已完成')) shown = await ops(['refunds', 'show', job_id], 'zh_CN.UTF-8');
  t.regex(shown.out, /0\/0 .*a flood/);
  t.regex((await ops(['refunds', 'list', 'G1.20260115'])).out, new RegExp(job_id));
  t.regex((await ops(['refunds', 'show', '1'])).err, /JOB_NOT_FOUND/);
});

test.serial('an operator finds in the audit of all services what was done just now, page by page', async (t) => {
  t.timeout(300_000);
  const set = await ops(['settings', 'set', 'calls.railway', '{"timeout_ms":2000}']);
  t.is(set.code, 0, set.err);
  t.is((await ops(['refunds', 'run', 'G1.20260116', 'a', 'storm'])).code, 0);
  const settings = await ops(['audit', 'target=config/calls.railway']);
  t.regex(settings.out, /TIME +SERVICE +ACCOUNT[\s\S]* risk +\d+ +risk +config\.Set +config\/calls\.railway +ok/, settings.err);
  const operator = / risk +(\d+) /.exec(settings.out)![1]!;
  const mine = await ops(['audit', `account=${operator}`, 'from=2026-01-01'], 'zh_CN.UTF-8');
  for (const found of [/时间 +服务/, / risk +\d+ .* config\.Set /, / aftersales +\d+ .* refund\.Run +run\/G1\.20260116 /, / ops +\d+ .* audit\.Search +config\/calls\.railway +1 found /]) t.regex(mine.out, found);
  const times = [...mine.out.matchAll(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/gm)].map(([time]) => time);
  t.deepEqual(times, times.toSorted().toReversed());
  const first = await ops(['audit', `account=${operator}`, 'operation=config.Set', 'size=1']);
  const page = /more: page=(\S+)/.exec(first.out)![1]!;
  const second = await ops(['audit', `account=${operator}`, 'operation=config.Set', 'size=1', `page=${page}`]);
  t.regex(first.out, /calls\.railway/);
  t.notRegex(second.out, /calls\.railway/);
  t.regex((await ops(['audit', 'size=201'])).err, /FIELD_INVALID/);
  t.regex((await ops(['audit', 'page=next'])).err, /PAGE_TOKEN_INVALID/);
  t.regex((await ops(['audit', 'colour=red'], 'zh_CN.UTF-8')).err, /检索条件：account=…/);
  t.regex((await ops(['audit', 'target=order/0'])).out, /No record fits/);
});

test.serial('help and mistakes are told in both languages', async (t) => {
  t.regex((await ops(['--help'])).out, /dead-letters \[list/);
  t.regex((await ops(['--help'], 'zh_CN.UTF-8')).out, /死信/);
  const wrong = await ops(['dance']);
  t.is(wrong.code, 1);
  t.regex(wrong.err, /no command "dance"/);
});
