/** `npm start`: the whole product on this machine, until Ctrl-C. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { printError, say, Told, words } from './say.ts';
import { isUnit, PROCESS_LAYOUTS, type ProcessLayout } from './stack/services.ts';
import { startStack, type StackOptions } from './stack/up.ts';

const HELP = words(
  `npm start [-- options]     starts Chunyun on this machine; Ctrl-C ends all of it

  --name NAME          another stack beside the first (default: default); its data is in .run/NAME
  --reset              forget its data first
  --feed FILE          import this GTFS zip instead of the network of our own
  --processes LAYOUT   grouped (default), one, or each: how services share processes
  --services LIST      names separated by commas, all (default) or none
  --redis-fsync WHEN   always, everysec (default) or no
  --log-level LEVEL    of the services: debug, info (default), warn, error
  --no-edge, --no-web, --no-seed   leave out the edge, the web page, or timetable and sales

Other commands: npm run stop [-- --name NAME], npm test, npm run check, npm run demo, npm run bench -- NAME`,
  `npm start [-- 选项]        在本机启动春运；按 Ctrl-C 全部结束

  --name 名称          另起一套（默认 default），数据在 .run/名称
  --reset              先清除数据
  --feed 文件          导入指定的 GTFS zip，而不是自带的路网
  --processes 方式     grouped（默认）、one、each：各服务如何共用进程
  --services 列表      逗号分隔的服务名、all（默认）或 none
  --redis-fsync 时机   always、everysec（默认）、no
  --log-level 级别     服务日志级别：debug、info（默认）、warn、error
  --no-edge, --no-web, --no-seed   不启动网关、不构建网页，或不导入时刻表、不开售

其他命令：npm run stop [-- --name 名称]、npm test、npm run check、npm run demo、npm run bench -- 名称`,
);

const SAME_WISH_WITHIN_MS = 1_000;

async function main(): Promise<number> {
  const interrupt = new AbortController();
  const options = readOptions(interrupt.signal);
  if (!options) return 0;
  let first_ms: number | undefined;
  const interrupted = new Promise<void>((done) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        // The kernel repeats itself while our parent's threads die; one person takes longer to press a key again.
        if (first_ms !== undefined && performance.now() - first_ms < SAME_WISH_WITHIN_MS) return;
        // The second time nobody wants to wait: what is left is killed on the way out.
        if (first_ms !== undefined) process.exit(130);
        first_ms = performance.now();
        say('ending everything (again to end at once)', '正在结束全部进程（再按一次立即结束）');
        interrupt.abort(new Told('interrupted', '已中断'));
        done();
      });
    }
  });
  const stack = await startStack(options).catch((error: unknown) => {
    if (!interrupt.signal.aborted) throw error;
    return undefined;
  });
  if (stack) {
    printAddresses(stack.page, stack.page_tls, options);
    await interrupted;
    await stack.stop();
  }
  say('everything has ended', '已全部结束');
  return stack ? 0 : 130;
}

function readOptions(signal: AbortSignal): StackOptions | undefined {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      name: { type: 'string', default: 'default' },
      reset: { type: 'boolean', default: false },
      feed: { type: 'string' },
      processes: { type: 'string', default: 'grouped' },
      services: { type: 'string', default: 'all' },
      'redis-fsync': { type: 'string', default: 'everysec' },
      'log-level': { type: 'string', default: 'info' },
      edge: { type: 'boolean', default: true },
      web: { type: 'boolean', default: true },
      seed: { type: 'boolean', default: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  return {
    name: values.name,
    reset: values.reset,
    layout: oneOf('--processes', values.processes, PROCESS_LAYOUTS) satisfies ProcessLayout,
    redis_fsync: oneOf('--redis-fsync', values['redis-fsync'], ['always', 'everysec', 'no'] as const),
    log_level: oneOf('--log-level', values['log-level'], ['trace', 'debug', 'info', 'warn', 'error'] as const),
    services: servicesOf(values.services),
    edge: values.edge,
    web: values.web,
    seed: values.seed,
    feed: values.feed === undefined ? undefined : existingFile(values.feed),
    tell: say,
    signal,
  };
}

function servicesOf(value: string): StackOptions['services'] {
  if (value === 'all' || value === 'none') return value;
  const names = value.split(',');
  const unknown = names.filter((name) => !isUnit(name));
  if (unknown.length > 0) throw new Told(`no such service: ${unknown.join(', ')}`, `没有这个服务：${unknown.join('、')}`);
  return names.filter(isUnit);
}

function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value);
  if (found === undefined) throw new Told(`${option} takes ${allowed.join(', ')}; not ${value}`, `${option} 只能是 ${allowed.join('、')}，不能是 ${value}`);
  return found;
}

/** npm runs scripts in the checkout's folder; the name was typed where the person stands. */
function existingFile(name: string): string {
  const path = resolve(process.env.INIT_CWD ?? process.cwd(), name);
  if (!existsSync(path)) throw new Told(`there is no file ${path}`, `没有文件 ${path}`);
  return path;
}

function printAddresses(page: string, page_tls: string, { name, edge }: StackOptions): void {
  say('ready', '已就绪');
  if (!edge) {
    console.log(words(`\n  Chunyun runs without its edge; addresses: .run/${name}/stack.json\n  Ctrl-C ends it.\n`, `\n  已启动（无网关），地址见 .run/${name}/stack.json\n  按 Ctrl-C 结束。\n`));
    return;
  }
  console.log(words(`\n  Chunyun is open:  ${page}\n  with TLS:         ${page_tls}   (a certificate of this stack's own)\n  logs:             .run/${name}/logs\n  Ctrl-C ends it.\n`, `\n  春运已开放：  ${page}\n  TLS：         ${page_tls}（自签名证书）\n  日志：        .run/${name}/logs\n  按 Ctrl-C 结束。\n`));
}

try {
  // Not waiting for a download that an interrupt has left behind.
  process.exit(await main());
} catch (error) {
  if (isBadOption(error)) printError(new Told(`${error.message}\n\n${HELP}`));
  else printError(error);
  process.exit(1);
}

function isBadOption(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
