/** `npm run canary -- SERVICE --to IMAGE`: see docs/runbooks/canary.md. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { plan, write } from './canary/begin.ts';
import { abort, resume, take, type Tools } from './canary/command.ts';
import { HELP } from './canary/help.ts';
import { LIMITS, type Limits } from './canary/domain/limits.ts';
import { HEADERS, readOnly, type Only } from './canary/domain/only.ts';
import type { CanaryState } from './canary/domain/state.ts';
import { writeStep } from './canary/gitops/write_step.ts';
import { openKubectl, type Kubectl } from './canary/kubectl.ts';
import { ClusterError, Interrupted, Lost } from './canary/ports.ts';
import { proxiesOf } from './canary/proxies.ts';
import { planText, statusText } from './canary/texts.ts';
import { load } from './canary/keeper.ts';
import { findCluster } from './mesh/cluster.ts';
import { printError, say, Told, words } from './say.ts';

const EXIT = { promoted: 0, rolled_back: 1, refused: 2, interrupted: 3 };
const POLL_MS = 2_000;

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;
const options = {
  to: text, resume: flag, abort: flag, status: flag, 'dry-run': flag, 'blue-green': flag, help: { ...flag, short: 'h' },
  only: { ...text, multiple: true, default: [] as string[] }, replicas: text, buckets: text, 'override-freeze': text, reason: text,
  dwell: text, requests: text, within: text, write: text, step: text,
  namespace: { ...text, default: 'chunyun' }, context: text, kubeconfig: text, kubectl: text,
} as const;

type Values = ReturnType<typeof parse>['values'];

async function main(): Promise<number> {
  const { values, positionals } = parse();
  const [service] = positionals;
  if (values.help || service === undefined || positionals.length !== 1) {
    process.stdout.write(`${HELP}\n`);
    return values.help ? 0 : EXIT.refused;
  }
  if (values.write !== undefined) {
    const wish = { folder: values.write, service, image: values.to, step: values.step ?? '', only: onlyOf(values), override_freeze: values['override-freeze'], bucket_count: numberOf(values.buckets, 'buckets'), replicas: numberOf(values.replicas, 'replicas') };
    process.stdout.write(writeStep({ ...wish, dry_run: values['dry-run'], now_ms: Date.now() }));
    return 0;
  }
  const kubectl = openKubectl({ namespace: values.namespace, context: values.context, kubeconfig: values.kubeconfig, program: values.kubectl, env: await labEnvironment(values) });
  if (values.status) return status(kubectl, service);
  const tools = toolsOf(kubectl);
  if (values.abort) return exitOf(await abort(tools, service, { en: `aborted: ${values.reason ?? 'by hand'}`, zh: `已中止：${values.reason ?? '人工'}` }));
  if (values.resume) return exitOf(await resume(tools, service));
  return begin(tools, kubectl, service, values);
}

/** As the commands of the mesh: the lab cluster beside the checkout, where nothing names another. */
async function labEnvironment({ kubeconfig, context }: Values): Promise<NodeJS.ProcessEnv | undefined> {
  if (kubeconfig !== undefined || context !== undefined || process.env.KUBECONFIG) return undefined;
  return (await findCluster())?.env;
}

async function begin(tools: Tools, kubectl: Kubectl, service: string, values: Values): Promise<number> {
  if (values.to === undefined) throw new Told('--to IMAGE is missing', '缺少 --to 镜像');
  const wish = { service, image: values.to, replicas: numberOf(values.replicas, 'replicas'), only: onlyOf(values), blue_green: values['blue-green'], override_freeze: values['override-freeze'], bucket_count: numberOf(values.buckets, 'buckets'), limits: limitsOf(values) };
  const { state, former } = await plan(kubectl, wish, { run_id: randomUUID(), now_ms: Date.now() });
  say(planText(state, 'en'), planText(state, 'zh'));
  if (values['dry-run']) return 0;
  return exitOf(await take(tools, await write(kubectl, state, former)));
}

async function status(kubectl: Kubectl, service: string): Promise<number> {
  const kept = await load(kubectl, service);
  process.stdout.write(`${kept === undefined ? words(`no canary of ${service} was ever made here`, `这里从未有过 ${service} 的金丝雀`) : words(statusText(kept.state, 'en'), statusText(kept.state, 'zh'))}\n`);
  return 0;
}

/** The cluster, real time, and a way to be told to end: at the next pause, so that no write is cut short. */
function toolsOf(kubectl: Kubectl): Tools {
  const told = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => told.abort());
  return {
    cluster: kubectl,
    proxies: proxiesOf(kubectl),
    now_ms: () => performance.timeOrigin + performance.now(),
    poll_ms: POLL_MS,
    tell: ({ en, zh }) => say(en, zh),
    async sleep(ms) {
      await pause(ms, undefined, { signal: told.signal }).catch(() => undefined);
      if (told.signal.aborted) throw new Interrupted('told to end');
    },
  };
}

function exitOf({ phase }: CanaryState): number {
  return phase === 'promoted' ? EXIT.promoted : EXIT.rolled_back;
}

function onlyOf({ only }: Values): Only[] {
  return only.map((one) => {
    const read = readOnly(one);
    if (read === undefined) throw new Told(`--only ${one}: say one of ${Object.keys(HEADERS).map((name) => `${name}=…`).join(', ')}`, `--only ${one}：请写 ${Object.keys(HEADERS).map((name) => `${name}=…`).join('、')}`);
    return read;
  });
}

function limitsOf(values: Values): Partial<Limits> {
  const [dwell_s, requests_min, within_s] = [numberOf(values.dwell, 'dwell'), numberOf(values.requests, 'requests', 0), numberOf(values.within, 'within')];
  return {
    ...(dwell_s === undefined ? {} : { dwell_ms: dwell_s * 1000, step_within_ms: Math.max(LIMITS.step_within_ms, dwell_s * 2000) }),
    ...(requests_min === undefined ? {} : { requests_min }),
    ...(within_s === undefined ? {} : { step_within_ms: within_s * 1000 }),
  };
}

function numberOf(value: string | undefined, name: string, least = 1): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < least) throw new Told(`--${name} ${value}: a whole number from ${least}`, `--${name} ${value}：应为不小于 ${least} 的整数`);
  return number;
}

function parse() {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    throw new Told(`${(error as Error).message}\n\n${HELP}`);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof Interrupted || error instanceof Lost || error instanceof ClusterError) {
    const how = error instanceof Lost ? '' : words('. A canary that is under way stays as it is: --resume or --abort', '。进行中的金丝雀保持现状：请用 --resume 或 --abort');
    printError(new Told(`${error.message}${how}`));
    process.exitCode = EXIT.interrupted;
  } else {
    printError(error);
    process.exitCode = EXIT.refused;
  }
}
