import { SERVICE_NAMES, type ServiceName } from '../../scripts/stack/services.ts';
import { PORTS, type Call, type Caller } from '../calls.ts';
import { hostOf, manifest, seconds, type Manifest } from './manifest.ts';

/**
 * How much earlier than the caller a proxy gives up, in milliseconds, or a tenth of what it has. A call that its own
 * caller ends tells the proxy nothing of the pod; one that the proxy ends counts against it.
 */
const EARLIER_MS = 100;

/** Istio repeats twice what says nothing of it, and never asks whether it was a write. */
export const NO_RETRIES = { attempts: 0 };

/**
 * Once, on another pod where there is one, and only when the first did not take the call or said that it can't. Both fit
 * into the route's timeout; a try has no shorter one, since a slow answer is not asked for again.
 */
const ONE_RETRY = { attempts: 1, retryOn: 'unavailable,connect-failure,refused-stream,reset-before-request', retryIgnorePreviousHosts: true };

/** For a path that is not listed; authorization refuses it anyway. */
const UNLISTED_TIMEOUT_MS = 3000;

export function routes(table: readonly Call[]): Manifest[] {
  return [...SERVICE_NAMES.map((name) => routesOf(name, table.filter(({ callee }) => callee === name))), edge()];
}

/** What a proxy waits at most for an answer, in milliseconds. */
export function proxyTimeoutMs(deadline_ms: number): number {
  return deadline_ms - Math.min(EARLIER_MS, deadline_ms / 10);
}

/** Calls that are treated alike. */
type Lane = Pick<Call, 'port' | 'path' | 'timeout_ms' | 'endless' | 'repeatable'> & { from?: Caller };

function routesOf(name: ServiceName, table: readonly Call[]): Manifest {
  const classes = Map.groupBy(lanesOf(table), classOf);
  const listed = [...classes].toSorted(([a, [one]], [b, [other]]) => Number(one!.from === undefined) - Number(other!.from === undefined) || (a < b ? -1 : 1));
  // A Service with several ports is to be told which: Istio would take the one that was called, and its own analysis calls that an error.
  const ported = table.some(({ port }) => port === 'http');
  const to = (port: Call['port']): object => toStable(name, ported ? PORTS[port] : undefined);
  const http = listed.map(([title, lanes]) => ({ name: title, match: lanes.map(matchOf), ...behaviourOf(lanes[0]!), ...to(lanes[0]!.port) }));
  const rest = { timeout: seconds(proxyTimeoutMs(UNLISTED_TIMEOUT_MS)), retries: NO_RETRIES };
  const rest_of_http = ported ? [{ name: 'http-unlisted', match: [{ port: PORTS.http }], ...rest, ...to('http') }] : [];
  return manifest('VirtualService', name, { hosts: [hostOf(name)], exportTo: ['.'], http: [...http, ...rest_of_http, { name: 'unlisted', ...rest, ...to('grpc') }] });
}

/** Callers in a hurry have lanes of their own, which are looked at first. */
function lanesOf(table: readonly Call[]): Lane[] {
  return table.flatMap((call): Lane[] => {
    const hurried = Object.entries(call.hurried).map(([from, timeout_ms]): Lane => ({ ...call, timeout_ms, from: from as Caller }));
    return [...hurried, ...(call.callers.every((caller) => caller in call.hurried) ? [] : [call])];
  });
}

/** `repeatable-1000ms`, `once-5000ms`, `streams`, `order-once-1500ms`, `http-once-5000ms`. */
function classOf({ port, endless, repeatable, timeout_ms, from }: Lane): string {
  const title = endless ? 'streams' : `${repeatable ? 'repeatable' : 'once'}-${timeout_ms}ms`;
  return [...(from === undefined ? [] : [from]), ...(port === 'http' ? [port] : []), title].join('-');
}

function behaviourOf({ endless, repeatable, timeout_ms }: Lane): object {
  // A stream has no timeout, which is what Istio makes of none (Envoy alone would cut it after 15 s).
  return { ...(endless ? {} : { timeout: seconds(proxyTimeoutMs(timeout_ms)) }), retries: repeatable ? ONE_RETRY : NO_RETRIES };
}

function matchOf({ path, from }: Lane): object {
  const uri = path.endsWith('*') ? { prefix: path.slice(0, -1) } : { exact: path };
  return from === undefined ? { uri } : { uri, sourceLabels: { app: from } };
}

/** A canary adds its subset and shifts the weights. */
function toStable(name: string, port: number | undefined): object {
  return { route: [{ destination: { host: hostOf(name), subset: 'stable', ...(port === undefined ? {} : { port: { number: port } }) }, weight: 100 }] };
}

/** What our own tools ask of the page is repeated by them, if at all. */
function edge(): Manifest {
  return manifest('VirtualService', 'edge', { hosts: [hostOf('edge')], exportTo: ['.'], http: [{ name: 'page', retries: NO_RETRIES, route: [{ destination: { host: hostOf('edge'), port: { number: 80 } } }] }] });
}
