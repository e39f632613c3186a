import { SERVICE_NAMES, type ServiceName } from '../../scripts/stack/services.ts';
import { PORTS, type Call } from '../calls.ts';
import { manifest, principalOf, type Manifest } from './manifest.ts';

/** Who reads /metrics. It speaks mTLS as a workload of the mesh does. */
const PROMETHEUS = principalOf('prometheus', 'monitoring');

/** Nothing is allowed; then, for each service, what the table lists. */
export function authorization(table: readonly Call[]): Manifest[] {
  return [manifest('AuthorizationPolicy', 'deny-all', {}), ...SERVICE_NAMES.map((name) => allowOf(name, table.filter(({ callee }) => callee === name)))];
}

function allowOf(name: ServiceName, table: readonly Call[]): Manifest {
  // The port is in no Service, so to the proxy it is bytes: a rule that named a path there would match nothing.
  const metrics = rule([PROMETHEUS], { ports: [String(PORTS.metrics)] });
  return manifest('AuthorizationPolicy', name, { selector: { matchLabels: { app: name } }, action: 'ALLOW', rules: [...rulesOf(table), metrics] });
}

/** One rule for the paths that the same callers may ask on the same port. */
function rulesOf(table: readonly Call[]): object[] {
  const groups = Map.groupBy(table, ({ port, http_method, callers }) => JSON.stringify([port, http_method, callers]));
  return [...groups.values()].map((group) => {
    const { port, http_method, callers } = group[0]!;
    return rule(callers.map((caller) => principalOf(caller)), { ports: [String(PORTS[port])], methods: [http_method], paths: group.map(({ path }) => path) });
  });
}

function rule(principals: string[], operation: { ports: string[]; methods?: string[]; paths?: string[] }): object {
  return { from: [{ source: { principals } }], to: [{ operation }] };
}
