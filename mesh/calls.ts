/** Who calls what: the one table from which the mesh's policy and the picture in the docs are made. */
import { contractMethods } from '../envoy/contracts.ts';
import { SERVICE_NAMES, type ServiceName } from '../scripts/stack/services.ts';

/** Whoever calls: a service, the edge for everybody outside. The tools (npm run ops, the opening of sales) run as `ops`. */
export type Caller = ServiceName | 'edge';

/** Ports of every service: gRPC, and HTTP where somebody has to be served without it. */
export const PORTS = { grpc: 9000, http: 8080, metrics: 9464 } as const;

/** One thing that may be asked of a service, and by whom. */
export type Call = {
  callee: ServiceName;
  port: 'grpc' | 'http';
  http_method: 'GET' | 'POST';
  /** The path, exactly; ends with `*` where everything below it is meant. */
  path: string;
  /** In a stable order, never empty. */
  callers: readonly Caller[];
  /** How long the callee may take, in milliseconds. */
  timeout_ms: number;
  /** Callers that give it less, in milliseconds. */
  hurried: Readonly<Partial<Record<Caller, number>>>;
  /** A stream that only its client or a drain ends. */
  endless: boolean;
  /** A read: asking twice does nothing twice. */
  repeatable: boolean;
};

/** Contracts that several services serve. */
const SERVED_BY: Readonly<Record<string, readonly ServiceName[]>> = {
  // Every service keeps an audit (kit/audit); ops reads its own where it lies.
  'rail.ops.v1.AuditService': SERVICE_NAMES.filter((name) => name !== 'ops'),
  // The services that keep answers by request id and an outbox (kit/housekeeping).
  'rail.ops.v1.HousekeepingService': ['order', 'inventory', 'payment', 'risk', 'identity', 'notification'],
};

/** Callers that give a method less time than its rule does: mesh/istio/policy.test.ts finds them in the code. */
const HURRIED: Readonly<Record<string, Call['hurried']>> = {
  // The queue's owner must not stand still for a standby.
  '/rail.aftersales.v1.StandbyService/CreateStandby': { order: 1500 },
  '/rail.order.v1.OrderService/CancelOrder': { aftersales: 2000 },
  '/rail.inventory.v1.InventoryService/ExtendHold': { order: 1000 },
  '/rail.inventory.v1.InventoryService/BatchClaimStandbySeats': { aftersales: 2000 },
};

/** Every call that is allowed; what is not here is refused. Ordered by callee, port and path. */
export function calls(): Call[] {
  const table = [...ours(), ...others()].toSorted((a, b) => compare(a.callee, b.callee) || compare(a.port, b.port) || compare(a.path, b.path));
  const uncalled = table.find(({ callers }) => callers.length === 0);
  // A policy that names nobody means everybody.
  if (uncalled !== undefined) throw new Error(`nobody but ${uncalled.callee} itself may call ${uncalled.path}`);
  return table;
}

/** Whom a caller calls at all, in a stable order. */
export function calleesOf(caller: Caller, table: readonly Call[] = calls()): ServiceName[] {
  return SERVICE_NAMES.filter((callee) => table.some((call) => call.callee === callee && call.callers.includes(caller)));
}

/** What the contracts say: methods for outside are called by the edge, the others by whom their rule names. */
function ours(): Call[] {
  return contractMethods().flatMap((method) => {
    const { path, service, upstream, timeout_ms, endless, repeatable } = method;
    const named = callersOf(method.path, [...(method.for_outside ? ['edge'] : []), ...method.callers]);
    const callees = SERVED_BY[service] ?? [asService(upstream)];
    return callees.map((callee): Call => {
      // What a service asks itself does not leave its process.
      const callers = named.filter((caller) => caller !== callee);
      return { callee, port: 'grpc', http_method: 'POST', path, callers, timeout_ms, hurried: HURRIED[path] ?? {}, endless, repeatable };
    });
  });
}

/** A key that is being rotated is looked for by an operator, over a method that anybody may call. */
const ALSO: Readonly<Record<string, readonly Caller[]>> = { '/rail.ticketing.v1.TicketingService/GetVerificationKeys': ['ops'] };

function callersOf(path: string, named: readonly string[]): Caller[] {
  return inOrder([...named.map(asCaller), ...(ALSO[path] ?? [])]);
}

/** Calls that no contract of ours tells of. */
function others(): Call[] {
  const write = { timeout_ms: 5000, hurried: {}, endless: false, repeatable: false };
  const read = { timeout_ms: 2000, hurried: {}, endless: false, repeatable: true };
  const get = { port: 'http', http_method: 'GET', ...read } as const;
  const post = { port: 'http', http_method: 'POST', ...write } as const;
  return [
    // Envoy's own contract: the edge asks for each request (envoy/filters.ts says how long), and each question takes a token.
    { callee: 'risk', port: 'grpc', http_method: 'POST', path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit', callers: ['edge'], ...write, timeout_ms: 1000 },
    // Keys of access tokens, for whoever checks them: the edge, every service, and every proxy before its service.
    { callee: 'identity', path: '/.well-known/jwks.json', callers: inOrder(['edge', ...SERVICE_NAMES]), ...get },
    { callee: 'payment', path: '/callbacks/payment/*', callers: ['edge'], ...post },
    { callee: 'notification', path: '/callbacks/messaging/*', callers: ['edge'], ...post },
    // The edge chooses among pods by it; the tools wait by it, and ops tells operators who is ill.
    ...SERVICE_NAMES.map((callee): Call => ({ callee, port: 'grpc', http_method: 'POST', path: '/grpc.health.v1.Health/Check', callers: ['edge', 'ops'], ...read, timeout_ms: 1000 })),
  ];
}

/** Services in the order of their list, the edge first; each once. */
function inOrder(callers: readonly Caller[]): Caller[] {
  return (['edge', ...SERVICE_NAMES] as const).filter((name) => callers.includes(name));
}

function asCaller(name: string): Caller {
  return name === 'edge' ? name : asService(name);
}

function asService(name: string): ServiceName {
  const known = SERVICE_NAMES.find((service) => service === name);
  if (known === undefined) throw new Error(`a contract names ${name}, which is no service`);
  return known;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
