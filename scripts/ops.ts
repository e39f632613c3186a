/** `npm run ops -- COMMAND`: what operators do on a running stack, through the edge as an operator. */
import { parseArgs } from 'node:util';
import { ConnectError } from '@connectrpc/connect';
import { COMMANDS } from './operator/commands.ts';
import { logInOperator } from './operator/log_in.ts';
import { reasonOf } from './traveller/api.ts';
import { printError, Told, words } from './say.ts';

const OPTIONS = words(
  `  --name NAME       the stack on this machine (default: default)
  --page URL        another one, by the address of its page; with CHUNYUN_OPERATOR_PASSWORD (and …_LOGIN) in the environment
  --despite-sale    run: also during a sale opening or protection mode
  --despite-losses  timetable sync: also one that lacks many of the runs on sale
  --consumer NAME   dead-letters: of one consumer only
  --comment TEXT    settings set, protection: why, for the history`,
  `  --name 名称       本机上的哪一套（默认 default）
  --page 网址       其他系统的页面地址；口令取自环境变量 CHUNYUN_OPERATOR_PASSWORD（账号取自 …_LOGIN）
  --despite-sale    run：起售窗口或保护模式期间也执行
  --despite-losses  timetable sync：新图缺少大量在售车次时也接受
  --consumer 名称   dead-letters：只看某个消费者
  --comment 文字    settings set、protection：修改原因，记入历史`,
);

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string', default: 'default' }, page: { type: 'string' }, 'despite-sale': { type: 'boolean', default: false },
      consumer: { type: 'string', default: '' }, 'despite-losses': { type: 'boolean', default: false }, comment: { type: 'string', default: '' }, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [name, ...args] = positionals;
  if (values.help || name === undefined) {
    console.log(help());
    return;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : undefined;
  if (command === undefined) throw new Told(`There is no command "${name}".\n\n${help()}`, `没有命令 "${name}"。\n\n${help()}`);
  const api = await logInOperator({ name: values.name, page: values.page });
  console.log(await command.run(api, args, { despite_sale: values['despite-sale'], despite_losses: values['despite-losses'], comment: values.comment, consumer: values.consumer }));
}

function help(): string {
  const lines = Object.values(COMMANDS).map(({ usage, en, zh }) => `  ${usage}\n      ${words(en, zh)}`);
  return `npm run ops -- ${words('COMMAND [options]', '命令 [选项]')}\n\n${lines.join('\n')}\n\n${OPTIONS}`;
}

try {
  await main();
} catch (error) {
  // A refusal is an answer, and its reason is in the error table.
  printError(error instanceof ConnectError ? new Told(`${reasonOf(error) ?? ''} ${error.rawMessage}`.trim()) : error);
  process.exitCode = 1;
}
