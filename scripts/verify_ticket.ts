/** `npm run verify_ticket`: what a gate without a line does. Asks nobody; see docs/adr/0024-tickets-without-a-line.md. */
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { verifyOffline, type OfflineChecks } from '../services/ticketing/domain/verify_offline.ts';
import { readGateKey, readKeys, readRevocations } from './gate/files.ts';
import { codeOf, EXIT, verdictJson, verdictText, worstOf } from './gate/verdict.ts';
import { printError, Told, words } from './say.ts';

const HELP = words(
  `npm run verify_ticket -- --keys FILE [options]   judges e-tickets offline, as a gate would

  --keys FILE          answer of GET /v1/tickets:keys
  --revocations FILE   answer of GET /v1/runs/RUN_ID/revocations; may be given for several runs
  --token TEXT         the text of the QR code; without it each line of the input is one
  --run RUN_ID         the train at this gate: tickets of others are refused
  --id NUMBER          the number of the document shown; needs --gate-key
  --gate-key FILE      answer of GET /v1/runs/RUN_ID/gate-key (inspectors only)
  --at TIME            judge as of this time (RFC 3339; default: now)
  --json               one JSON object a ticket instead of a line

  Exit code: 0 valid; 1 not valid; 2 nothing was judged (wrong options, unreadable files);
  3 genuine, but not proven current (no revocations of its run, or too old ones): ask online. Of several the worst.`,
  `npm run verify_ticket -- --keys 文件 [选项]   像检票口一样离线核验电子客票

  --keys 文件          GET /v1/tickets:keys 的应答
  --revocations 文件   GET /v1/runs/车次编号/revocations 的应答；可给出多个车次
  --token 文本         二维码内容；省略时逐行读取标准输入
  --run 车次编号       本检票口的列车：其他列车的票一律拒绝
  --id 证件号码        所示证件的号码；需要 --gate-key
  --gate-key 文件      GET /v1/runs/车次编号/gate-key 的应答（仅限检票人员）
  --at 时间            按该时间判断（RFC 3339；默认当前时间）
  --json               每张票输出一个 JSON 对象

  退出码：0 有效；1 无效；2 未作判断（选项错误或文件不可读）；
  3 真票但未确认仍有效（没有该车次的撤销名单或名单过期）：请联网核验。多张票取最差结果。`,
);

type Input = { tokens: () => Promise<string[]>; print: (line: string) => void };

/** Judges and prints; the exit code. */
export async function verifyTickets(args: readonly string[], { tokens, print }: Input): Promise<number> {
  const { values } = parse(args);
  if (values.help) {
    print(HELP);
    return EXIT.admit;
  }
  if (values.keys === undefined) throw new Told(HELP);
  const now_ms = values.at === undefined ? Date.now() : Date.parse(values.at);
  if (Number.isNaN(now_ms)) throw new Told(`--at ${values.at} is no time`, `--at ${values.at} 不是有效时间`);
  const keys = readKeys(values.keys);
  const sets = new Map((values.revocations ?? []).map((path) => readRevocations(path, keys)).map((set) => [set.run_id, set]));
  const gate = values['gate-key'] === undefined ? undefined : readGateKey(values['gate-key']);
  if (values.id !== undefined && gate === undefined) throw new Told('--id needs --gate-key', '--id 需要同时给出 --gate-key');
  const wanted = values.token === undefined ? await tokens() : [values.token];
  if (wanted.length === 0) throw new Told('there is no ticket to judge', '没有可核验的车票');
  const codes = wanted.map((token) => {
    const checks: OfflineChecks = { run_id: values.run ?? (values.id === undefined ? undefined : gate?.run_id), holder: values.id === undefined ? undefined : { gate_key: gate!.key, id_number: values.id } };
    const first = verifyOffline(token, keys, now_ms, checks);
    // Only a genuine ticket says which run's revocations speak of it.
    const verdict = first.facts === undefined ? first : verifyOffline(token, keys, now_ms, { ...checks, revocations: sets.get(first.facts.run_id) });
    print(values.json ? verdictJson(verdict) : verdictText(verdict));
    return codeOf(verdict);
  });
  return worstOf(codes);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        keys: { type: 'string' }, revocations: { type: 'string', multiple: true }, token: { type: 'string' }, run: { type: 'string' }, id: { type: 'string' },
        'gate-key': { type: 'string' }, at: { type: 'string' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new Told(`${(error as Error).message}\n\n${HELP}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tokens = async () => (await text(process.stdin)).split('\n').map((line) => line.trim()).filter((line) => line !== '');
  try {
    process.exitCode = await verifyTickets(process.argv.slice(2), { tokens, print: (line) => console.log(line) });
  } catch (error) {
    printError(error);
    process.exitCode = EXIT.usage;
  }
}
