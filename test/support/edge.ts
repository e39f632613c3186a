/** Another Envoy in front of services that run already: to have two of them, or one that finds somebody gone. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EdgeValues } from '../../envoy/render.ts';
import { quiet } from '../../scripts/say.ts';
import { keep } from '../../scripts/stack/child.ts';
import { edgeSpec } from '../../scripts/stack/edge.ts';
import { emptyWeb } from '../../scripts/stack/web.ts';
import type { StackAddresses } from '../../scripts/stack/environment.ts';
import { ensureTools } from '../../scripts/tools/index.ts';

export type EdgeOptions = {
  /** The environment of the stack: `<NAME>_PORT` and `<NAME>_HTTP_PORT` of each service. */
  env: Readonly<Record<string, string>>;
  /** Where somebody else stands than the environment says, by the environment's name, e.g. `RISK_PORT`. */
  instead?: Record<string, number>;
  /** Folder with the page; an empty page otherwise. */
  web_dist?: string;
  /** What is to be otherwise in edge.yaml, by name. */
  values?: EdgeValues;
  /** Another text than edge.yaml's. */
  template?: string;
};

export type Edge = { url: string; tls_url: string; admin_url: string; folder: string; log_path: string; stop(): Promise<void> };

/** Starts an Envoy with the committed configuration on free ports. */
export async function startEdge({ env, instead = {}, web_dist, values, template }: EdgeOptions): Promise<Edge> {
  const { envoy } = await ensureTools(['envoy'], quiet);
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-edge-'));
  const [edge_port, edge_tls_port, admin_port] = (await freePorts(3)) as [number, number, number];
  const port = (name: string): number => instead[name] ?? Number(env[name]);
  const named = (suffix: string): Record<string, number> =>
    Object.fromEntries(Object.keys(env).filter((name) => name.endsWith(suffix) && (suffix !== '_PORT' || !name.endsWith('_HTTP_PORT'))).map((name) => [name.slice(0, -suffix.length).toLowerCase(), port(name)]));
  const addresses: StackAddresses = { ports: named('_PORT'), http_ports: named('_HTTP_PORT'), edge_port, edge_tls_port, public_url: `http://127.0.0.1:${edge_port}` };
  const folders = { pids: join(folder, 'pids'), logs: join(folder, 'logs') };
  for (const path of Object.values(folders)) mkdirSync(path);
  const spec = edgeSpec({ tool: envoy, folder: join(folder, 'envoy'), addresses, admin_port, web_dist: web_dist ?? (await emptyWeb(join(folder, 'web'))), values, template });
  const kept = await keep(spec, folders, quiet, new AbortController().signal);
  return {
    url: addresses.public_url,
    tls_url: `https://127.0.0.1:${edge_tls_port}`,
    admin_url: `http://127.0.0.1:${admin_port}`,
    folder,
    log_path: kept.log_path,
    async stop() {
      await kept.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Ports nobody has at the moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return server;
  }));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
