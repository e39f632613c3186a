/** `npm run rotate_ticket_key`: a new key for e-tickets; see docs/runbooks/rotate-the-ticket-key.md. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { TicketingService, type VerificationKey } from '#gen/rail/ticketing/v1/ticketing_pb.ts';
import { addKey } from '#kit/external/make_keys.ts';
import { createClient } from '#kit/rpc/client.ts';
import { printError, say, step, Told, words } from './say.ts';
import { readStatus, readToolEnvironment } from './stack/folder.ts';

const HELP = words(
  `npm run rotate_ticket_key [-- options]   makes a new signing key for e-tickets and waits until it is published

  --name NAME          the stack (default: default)
  --dir DIR            where key files are, and --address HOST:PORT of ticketing, for a service that is no local stack
  --list               only shows the keys and the times they sign and verify

  The new key is published at once and signs an hour later (TICKETING_KEY_PUBLISH_MS), when gates have fetched it. The old
  one verifies its tickets until the last of them has ended; once it signs no more its file may be deleted.`,
  `npm run rotate_ticket_key [-- 选项]   生成新的电子客票签名密钥，并等待其公布

  --name 名称          使用哪一套（默认 default）
  --dir 目录           密钥文件目录；与 --address 主机:端口（出票服务）一起用于非本地环境
  --list               只显示各密钥及其签名、验证时间

  新密钥立即公布，一小时后（TICKETING_KEY_PUBLISH_MS）检票口均已获取时开始签名。旧密钥可验证其签发的车票直至最后一张失效；
  停止签名后即可删除其文件。`,
);

const PUBLISHED_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 500;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { name: { type: 'string', default: 'default' }, dir: { type: 'string' }, address: { type: 'string' }, list: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) return console.log(HELP);
  const { dir, address } = values.dir !== undefined && values.address !== undefined ? { dir: values.dir, address: values.address } : ofStack(values.name);
  const client = createClient(TicketingService, { address, service: 'ops' });
  const published = async () => (await client.getVerificationKeys({}, { timeout_ms: 2000 })).keys;
  try {
    if (!values.list) {
      const kid = nextKid(readdirSync(dir), await published());
      await addKey(dir, 'ticket', kid);
      await step(say, `key ${kid} is written; waiting until it is published`, `密钥 ${kid} 已生成，等待公布`, () => untilPublished(kid, published));
    }
    for (const [index, key] of (await published()).entries()) console.log(lineOf(key, index));
  } finally {
    client.close();
  }
}

function ofStack(name: string): { dir: string; address: string } {
  if (readStatus(name)?.state !== 'ready') throw new Told(`The stack "${name}" does not run.`, `"${name}" 未运行。`);
  const env = readToolEnvironment(name);
  return { dir: env.SIGNING_KEYS_DIR!, address: env.TICKETING_ADDRESS! };
}

/** The number after the highest, of keys whose file is gone too. */
function nextKid(files: readonly string[], known: readonly VerificationKey[]): string {
  const names = [...files, ...known.map(({ keyId }) => `ticket-${keyId}.pem`)];
  const numbers = names.map((name) => Number(/^ticket-k(\d{1,8})\.pem$/.exec(name)?.[1] ?? 0));
  return `k${String(Math.max(0, ...numbers) + 1).padStart(4, '0')}`;
}

async function untilPublished(kid: string, published: () => Promise<VerificationKey[]>): Promise<void> {
  const until_ms = performance.now() + PUBLISHED_WITHIN_MS;
  while (performance.now() < until_ms) {
    if ((await published()).some(({ keyId }) => keyId === kid)) return;
    await sleep(LOOK_EVERY_MS);
  }
  throw new Told(`${kid} is not published yet: does ticketing read this folder?`, `${kid} 尚未公布：出票服务是否读取该目录？`);
}

function lineOf({ keyId, notBefore, notAfter }: VerificationKey, index: number): string {
  const time = (ms: number) => new Date(ms).toISOString();
  const from = notBefore === undefined || index === 0 ? '' : words(` signs from ${time(timestampMs(notBefore))}`, ` 自 ${time(timestampMs(notBefore))} 起签名`);
  const to = notAfter === undefined ? words(' signs until another does', ' 签名至下一密钥启用') : words(` verifies until ${time(timestampMs(notAfter))}`, ` 可验证至 ${time(timestampMs(notAfter))}`);
  return `${keyId}${from}${to}`;
}

try {
  await main();
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
