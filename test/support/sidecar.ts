/** A real Envoy that stands for a caller's sidecar: clusters and filters named and set as Istio does, routes read from a file that a test may change. */
import { spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quiet } from '../../scripts/say.ts';
import { dieWithUs } from '../../scripts/tools/command.ts';
import { ensureTools } from '../../scripts/tools/index.ts';
import { freePorts } from './edge.ts';
import { eventually, kill } from './processes.ts';

export type Sidecar = {
  /** Where the caller sends its requests. */
  address: string;
  /** The admin interface's answer. */
  admin(path: string): Promise<string>;
  /** Percent that goes to the canary from now on; resolves when Envoy has read it. */
  route(canary_percent: number): Promise<void>;
  stop(): Promise<void>;
};

/** `service`: a name in the namespace chunyun. The two versions are at these ports. */
export async function startSidecar(service: string, ports: { stable: number; canary: number }): Promise<Sidecar> {
  const { envoy } = await ensureTools(['envoy'], quiet);
  const folder = mkdtempSync(join(tmpdir(), 'chunyun-sidecar-'));
  const [port, admin_port] = (await freePorts(2)) as [number, number];
  const cluster = (subset: string): string => `outbound|9000|${subset}|${service}.chunyun.svc.cluster.local`;
  let version = 0;
  const writeRoutes = (canary_percent: number): void => {
    version += 1;
    const clusters = [{ name: cluster('stable'), weight: 100 - canary_percent }, { name: cluster('canary'), weight: canary_percent }].filter(({ weight }) => weight > 0);
    const route_config = { '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration', name: '9000', virtual_hosts: [{ name: service, domains: ['*'], routes: [{ match: { prefix: '/' }, route: { weighted_clusters: { clusters } } }] }] };
    writeFileSync(join(folder, 'next.json'), JSON.stringify({ version_info: String(version), resources: [route_config] }));
    // Envoy looks for a file that is moved in place, as it is whole then.
    renameSync(join(folder, 'next.json'), join(folder, 'routes.json'));
  };
  writeRoutes(0);
  writeFileSync(join(folder, 'envoy.json'), JSON.stringify(configuration(folder, port, admin_port, [{ name: cluster('stable'), port: ports.stable }, { name: cluster('canary'), port: ports.canary }])));
  const words = [...dieWithUs(), envoy.path, '-c', join(folder, 'envoy.json'), '--disable-hot-restart', '--concurrency', '1', '--log-level', 'error', '--service-node', 'test', '--service-cluster', 'test'];
  const child = spawn(words[0]!, words.slice(1), { env: { ...process.env, ...envoy.env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said = `${said}${data.toString()}`.slice(-20_000)));
  const admin = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${admin_port}/${path}`)).text();
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(`envoy ended: ${said}`);
    return (await admin('ready').catch(() => '')).startsWith('LIVE');
  });
  return {
    address: `127.0.0.1:${port}`,
    admin,
    async route(canary_percent) {
      writeRoutes(canary_percent);
      await eventually(async () => (await admin('config_dump?resource=dynamic_route_configs')).includes(`"version_info": "${version}"`));
    },
    async stop() {
      await kill(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, port: number, admin_port: number, clusters: readonly { name: string; port: number }[]): object {
  const type = (name: string): string => `type.googleapis.com/envoy.extensions.filters.${name}`;
  const address = (number: number): object => ({ socket_address: { address: '127.0.0.1', port_value: number } });
  const http = {
    '@type': type('network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'outbound',
    codec_type: 'HTTP2',
    rds: { route_config_name: '9000', config_source: { path_config_source: { path: join(folder, 'routes.json') } } },
    http_filters: [
      // As pilot sets it (pilot/pkg/xds/filters/filters.go).
      { name: 'envoy.filters.http.grpc_stats', typed_config: { '@type': type('http.grpc_stats.v3.FilterConfig'), emit_filter_state: true, stats_for_all_methods: false } },
      { name: 'envoy.filters.http.router', typed_config: { '@type': type('http.router.v3.Router') } },
    ],
  };
  return {
    stats_flush_interval: '0.1s',
    admin: { address: address(admin_port) },
    static_resources: {
      listeners: [{ name: 'outbound', address: address(port), filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: http }] }] }],
      clusters: clusters.map(({ name, port: upstream }) => ({
        name,
        // With the delimiter that pilot puts behind (util.DelimitedStatsPrefix).
        alt_stat_name: `${name};`,
        type: 'STATIC',
        typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions', explicit_http_config: { http2_protocol_options: {} } } },
        load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }] },
      })),
    },
  };
}
