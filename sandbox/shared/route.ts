import type { KeyPair } from '#kit/external/keys.ts';

/** A request as a handler sees it: verified where its route asks for that. */
export type SandboxRequest = {
  method: string;
  /** Without the query. */
  path: string;
  /** The parts of the path that the route's pattern names with `:name`. */
  params: Record<string, string>;
  query: URLSearchParams;
  headers: Record<string, string | string[] | undefined>;
  /** The bytes as received. */
  raw: Uint8Array;
  /** The body as JSON; undefined where there is none. */
  json: unknown;
};

export type SandboxAnswer = { status?: number; json: unknown } | { status?: number; html: string } | { redirect: string };

export type Route = {
  method: 'GET' | 'POST' | 'DELETE';
  /** `/v1/orders/:order_id`. */
  path: string;
  /** True for what our services call: the request must be signed by us, and the answer is signed by the system. */
  signed: boolean;
  /** The keys of this route, where the system has several doors; else those of the server. */
  keys?: KeyPair;
  handle(request: SandboxRequest): SandboxAnswer | Promise<SandboxAnswer>;
};

/** Refuses a request with a status and a word, e.g. `throw new Refusal(404, 'UNKNOWN_MESSAGE')`. */
export class Refusal extends Error {
  override name = 'Refusal';
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
    this.reason = reason;
  }
}

export type Found = { route: Route; params: Record<string, string> };

/** The route of a path; undefined when there is none. The first one that fits is taken. */
export function findRoute(routes: readonly Route[], method: string, path: string): Found | undefined {
  for (const route of routes) {
    if (route.method !== method) continue;
    const params = matchPath(route.path, path);
    if (params !== undefined) return { route, params };
  }
  return undefined;
}

function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index]!;
    if (part.startsWith(':')) params[part.slice(1)] = decodeURIComponent(value);
    else if (part !== value) return undefined;
  }
  return params;
}
