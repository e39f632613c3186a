/** Istio's policy: made from the table, sound, and accepted by Istio itself. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { parse, parseAllDocuments } from 'yaml';
import { SERVICE_NAMES, type ServiceName } from '../../scripts/stack/services.ts';
import { calls, PORTS, type Call, type Caller } from '../calls.ts';
import { timedCallsOf } from '../sources.ts';
import { base, meshFiles, overlay } from './build.ts';
import { LAB, MINIMAL, PRODUCTION } from './places.ts';
import { sidecars } from './sidecars.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const run = promisify(execFile);
const table = calls();
const files = meshFiles();
const manifests = Object.entries(files).filter(([path]) => path.endsWith('.yaml')).flatMap(([, text]) => parseAllDocuments(text).map((document) => document.toJS() as Manifest));

type Manifest = { kind: string; metadata: { name: string; namespace?: string }; spec: Record<string, unknown> };
type Rule = { from: { source: { principals: string[] } }[]; to: { operation: { ports: string[]; methods?: string[]; paths?: string[] } }[] };
type Match = { uri?: { exact?: string; prefix?: string }; port?: number; sourceLabels?: { app: string } };
type Route = { name: string; match?: Match[]; timeout?: string; retries: { attempts: number }; route: { destination: { host: string; subset?: string; port?: { number: number } }; weight?: number }[] };

test('files are what the contracts of today make', (t) => {
  for (const [path, text] of Object.entries(files)) t.true(existsSync(join(ROOT, path)) && readFileSync(join(ROOT, path), 'utf8') === text, `${path}: run npm run generate`);
});

test('documents are whole and of our namespace, and an overlay has each once', (t) => {
  for (const [path, text] of Object.entries(files)) if (path.endsWith('.yaml')) t.deepEqual(parseAllDocuments(text).flatMap(({ errors }) => errors), [], path);
  for (const { kind, metadata } of manifests) if (kind !== 'Kustomization') t.is(metadata.namespace, 'chunyun', `${kind} ${metadata.name}`);
  for (const place of [LAB, MINIMAL, PRODUCTION]) {
    const names = [...Object.values(base()), ...Object.values(overlay(place))].flat().map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    t.deepEqual(names.filter((name, index) => names.indexOf(name) !== index), [], place.name);
  }
});

test('what pods say of their proxy is what the mesh may say for all', (t) => {
  const { meshConfig } = parse(readFileSync(join(ROOT, 'mesh/istio/istiod-values.yaml'), 'utf8')) as { meshConfig: { defaultConfig: object; defaultHttpRetryPolicy: object } };
  const said = /proxy\.istio\.io\/config: \|\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'mesh/istio/README.md'), 'utf8'))?.[1];
  t.deepEqual(parse(said ?? ''), meshConfig.defaultConfig);
  t.deepEqual(meshConfig.defaultHttpRetryPolicy, { attempts: 0 });
});

test('exactly what the table lists is allowed', (t) => {
  t.deepEqual(named('AuthorizationPolicy', 'deny-all').spec, {});
  for (const name of SERVICE_NAMES) {
    const { selector, action, rules } = named('AuthorizationPolicy', name).spec as { selector: unknown; action: string; rules: Rule[] };
    t.deepEqual([selector, action], [{ matchLabels: { app: name } }, 'ALLOW']);
    const allowed = rules.flatMap(({ from, to }) => from.flatMap(({ source }) => to.flatMap(({ operation }) => source.principals.flatMap((who) => (operation.paths ?? ['']).map((path) => `${who} ${operation.methods?.join() ?? ''} ${operation.ports.join()} ${path}`)))));
    const wanted = table.filter(({ callee }) => callee === name).flatMap((call) => call.callers.map((caller) => `cluster.local/ns/chunyun/sa/${caller} ${call.http_method} ${PORTS[call.port]} ${call.path}`));
    t.deepEqual(allowed.toSorted(), [...wanted, `cluster.local/ns/monitoring/sa/prometheus  ${PORTS.metrics} `].toSorted(), name);
  }
});

test('no policy stands open: no principal by pattern, no path by pattern but the callbacks', (t) => {
  const text = files['mesh/istio/base/authorization.yaml']!;
  t.deepEqual([...text.matchAll(/^.*\*.*$/gm)].map(([line]) => line.trim()), ['- /callbacks/payment/*', '- /callbacks/messaging/*']);
  t.false(/notPaths|notPrincipals|namespaces:/.test(text));
});

test('no write is repeated, reads once', (t) => {
  for (const call of table) {
    for (const caller of call.callers) {
      const route = routeOf(call, caller);
      t.is(route.retries.attempts, call.repeatable ? 1 : 0, `${call.path} by ${caller}`);
      t.is(route.timeout === undefined, call.endless, call.path);
    }
  }
  for (const { kind, metadata, spec } of manifests) {
    if (kind !== 'VirtualService' || SERVICE_NAMES.some((name) => name === metadata.name)) continue;
    for (const { retries } of spec.http as Route[]) t.deepEqual(retries, { attempts: 0 }, metadata.name);
  }
});

test('a proxy gives up before the caller does, whatever the caller grants', (t) => {
  for (const call of table) for (const caller of call.callers) if (!call.endless) t.true(timeoutMs(call, caller) < (call.hurried[caller] ?? call.timeout_ms), call.path);
  let found = 0;
  for (const caller of SERVICE_NAMES) {
    for (const { where, method, deadline_ms } of timedCallsOf(caller)) {
      const called = table.filter((call) => call.callers.includes(caller) && call.path.toLowerCase().endsWith(`/${method.toLowerCase()}`) && !call.endless);
      for (const call of called) {
        found++;
        t.true(timeoutMs(call, caller) < deadline_ms, `${where}: ${call.path} has ${deadline_ms} ms, and the proxy waits ${timeoutMs(call, caller)} ms`);
      }
    }
  }
  t.true(found > 60, `only ${found} calls with a deadline were found: does the search still read the code?`);
});

test('routes go to the stable subset whole, and are asked in order of care', (t) => {
  for (const name of SERVICE_NAMES) {
    const http = named('VirtualService', name).spec.http as Route[];
    const ported = table.some(({ callee, port }) => callee === name && port === 'http');
    for (const { name: title, route } of http) {
      const port = title.startsWith('http-') ? PORTS.http : PORTS.grpc;
      t.deepEqual(route, [{ destination: { host: `${name}.chunyun.svc.cluster.local`, subset: 'stable', ...(ported ? { port: { number: port } } : {}) }, weight: 100 }]);
    }
    t.is(http.at(-1)!.match, undefined);
    t.deepEqual(http.filter(({ match }) => match === undefined).length, 1);
    const cared = http.map(({ match }) => match?.some(({ sourceLabels }) => sourceLabels !== undefined) === true);
    t.deepEqual(cared, cared.toSorted((a, b) => Number(b) - Number(a)));
  }
});

test('connections carry many calls, and only pods that fail for the network are ejected', (t) => {
  for (const name of SERVICE_NAMES) {
    const { trafficPolicy, subsets } = named('DestinationRule', name).spec as { trafficPolicy: { outlierDetection: Record<string, number>; loadBalancer: object }; subsets: object[] };
    t.deepEqual(subsets, [{ name: 'stable', labels: { track: 'stable' } }]);
    t.is(trafficPolicy.outlierDetection.consecutive5xxErrors, 0);
    t.true(trafficPolicy.outlierDetection.consecutiveGatewayErrors! > 0);
    t.is('consistentHash' in trafficPolicy.loadBalancer, name === 'inventory');
  }
  t.false(Object.values(files).some((text) => /maxRequestsPerConnection|portLevelSettings/.test(text)));
});

test('each workload reaches what it calls, and nothing besides what the table or its stores need', (t) => {
  for (const name of SERVICE_NAMES) {
    const hosts = egressOf(name);
    const ours = SERVICE_NAMES.filter((callee) => hosts.includes(`./${callee}.chunyun.svc.cluster.local`));
    t.deepEqual(ours, SERVICE_NAMES.filter((callee) => table.some((call) => call.callee === callee && call.callers.includes(name))), name);
    t.deepEqual(hosts.filter((host) => host.includes('*')), [], name);
  }
  for (const place of [LAB, MINIMAL, PRODUCTION]) {
    const [others] = sidecars(table, place);
    const hosts = (others!.spec.egress as { hosts: string[] }[]).flatMap((egress) => egress.hosts);
    t.deepEqual(Object.values(place.systems).filter(({ host }) => hosts.some((known) => known.endsWith(`/${host}`) || (known === './*' && place.others_find === 'services'))), [], place.name);
  }
  for (const { kind, spec } of manifests) if (kind === 'Sidecar') t.deepEqual(spec.outboundTrafficPolicy, { mode: 'REGISTRY_ONLY' });
});

const istioctl = istioctlPath();
(istioctl === undefined ? test.skip : test)('Istio accepts it', async (t) => {
  for (const path of Object.keys(files).filter((path) => path.startsWith('mesh/istio/') && !path.endsWith('kustomization.yaml'))) {
    const { stdout, stderr } = await run(istioctl!, ['validate', '-f', join(ROOT, path)]);
    t.regex(stdout + stderr, /is valid/, path);
    t.notRegex(stdout + stderr, /warning/i, path);
  }
});

/** Of the command that CHUNYUN_KUBE_LAB names; without it, or before it was built, there is none. */
function istioctlPath(): string | undefined {
  if (process.env.CHUNYUN_KUBE_LAB === undefined) return undefined;
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(homedir(), '.cache', 'kube-lab', 'bin')];
  return folders.map((folder) => join(folder, 'istioctl')).find((path) => existsSync(path));
}

function named(kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** The route that Istio takes for a call: the first that matches. */
function routeOf({ callee, port: called_port, path }: Call, caller: Caller): Route {
  const called = path.replace('*', 'x');
  const isPath = (uri: Match['uri']): boolean => uri === undefined || uri.exact === called || (uri.prefix !== undefined && called.startsWith(uri.prefix));
  const matches = ({ uri, port, sourceLabels }: Match): boolean => isPath(uri) && (port === undefined || port === PORTS[called_port]) && (sourceLabels === undefined || sourceLabels.app === caller);
  return (named('VirtualService', callee).spec.http as Route[]).find(({ match }) => match === undefined || match.some(matches))!;
}

function timeoutMs(call: Call, caller: Caller): number {
  return Number(routeOf(call, caller).timeout!.replace('s', '')) * 1000;
}

function egressOf(name: ServiceName): string[] {
  return (named('Sidecar', name).spec.egress as { hosts: string[] }[]).flatMap(({ hosts }) => hosts);
}
