/** `npm run stop [-- --name NAME]`: ends a stack that runs somewhere else, and what a killed one may have left. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { printError, say, step, Told } from './say.ts';
import { readStatus, stackFolder } from './stack/folder.ts';
import { endOrphans, signalGroup, waitGone } from './stack/identity.ts';

const STOP_WITHIN_MS = 60_000;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { name: { type: 'string', default: 'default' } } });
  const folder = stackFolder(values.name);
  const status = readStatus(values.name);
  if (status) {
    await step(say, `stopping ${values.name}`, `正在停止 ${values.name}`, async () => {
      // Only the supervisor is told; it ends its children in order.
      process.kill(status.supervisor.pid, 'SIGTERM');
      if (await waitGone(status.supervisor, STOP_WITHIN_MS)) return;
      signalGroup(status.supervisor, 'SIGKILL');
      if (!(await waitGone(status.supervisor, STOP_WITHIN_MS))) throw new Told(`process ${status.supervisor.pid} does not end`, `进程 ${status.supervisor.pid} 无法结束`);
    });
  }
  const orphans = existsSync(folder.pids) ? await endOrphans(folder.pids) : [];
  if (orphans.length > 0) say(`ended what an earlier run had left: ${orphans.join(', ')}`, `已结束上次运行遗留的进程：${orphans.join('、')}`);
  if (!status && orphans.length === 0) say(`${values.name} is not running`, `${values.name} 没有在运行`);
}

try {
  await main();
} catch (error) {
  printError(error);
  process.exitCode = 1;
}
