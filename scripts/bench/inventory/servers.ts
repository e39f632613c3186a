/** Servers of a benchmark's own: free ports, a folder below `.run` (a real disk, so that an fsync costs what it costs). */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { say } from '../../say.ts';
import { startInfra, type Infra, type InfraParts } from '../../stack/infra.ts';
import { openPortBook } from '../../stack/ports.ts';
import { openSecrets } from '../../stack/secrets.ts';
import { ensureTools, type Tool, type ToolName } from '../../tools/index.ts';
import { RUN } from '../../tools/paths.ts';

export type Servers = Infra & { folder: string; tools: Partial<Record<ToolName, Tool>>; pids: Record<string, number> };

const FOLDER = 'bench-inventory-';

/** Everything durable: Redis writes through with every event loop, MariaDB with every commit. */
export async function startServers(parts: InfraParts, keep: boolean): Promise<Servers> {
  const names: ToolName[] = [];
  if (parts.redis) names.push('redis');
  if (parts.mysql) names.push('mariadb');
  if (parts.nats) names.push('nats');
  const tools: Partial<Record<ToolName, Tool>> = await ensureTools(names, say);
  mkdirSync(RUN, { recursive: true });
  removeLeftovers();
  const folder = mkdtempSync(join(RUN, `${FOLDER}${process.pid}-`));
  const clean = (): void => (keep ? setAside(folder) : rmSync(folder, { recursive: true, force: true }));
  try {
    const infra = await startInfra({
      folder, parts, tools,
      ports: openPortBook(undefined),
      secrets: openSecrets(undefined),
      tell: say,
      signal: new AbortController().signal,
      redis: { fsync: 'always' },
      mysql: { flush_log_at_trx_commit: 1, buffer_pool_mb: 1024 },
    });
    const stop = async (): Promise<void> => {
      await infra.stop();
      clean();
    };
    return { ...infra, folder, tools, pids: Object.fromEntries(infra.kept.map((child) => [child.name, child.pid()!])), stop };
  } catch (error) {
    clean();
    throw error;
  }
}

/** Under another name, which the next run leaves alone. */
function setAside(folder: string): void {
  const kept = join(RUN, `kept-${basename(folder)}`);
  renameSync(folder, kept);
  say(`kept ${kept}`, `已保留 ${kept}`);
}

/** Of runs that were killed: their servers ended with them, their folders did not. */
function removeLeftovers(): void {
  for (const name of readdirSync(RUN)) {
    const pid = name.startsWith(FOLDER) ? Number(name.slice(FOLDER.length).split('-')[0]) : process.pid;
    if (pid !== process.pid && !existsSync(`/proc/${pid}`)) rmSync(join(RUN, name), { recursive: true, force: true });
  }
}
