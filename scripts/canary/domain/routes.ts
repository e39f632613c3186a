import { bucketRegex } from './buckets.ts';
import { CANARY, STABLE, type Destination, type HttpRoute, type VirtualService } from './objects.ts';
import type { Only } from './only.ts';

/** What goes to the canary: named users, buckets, and a share of the rest. */
export type Share = { percent: number; only: readonly Only[]; buckets: readonly number[] };

export const NO_SHARE: Share = { percent: 0, only: [], buckets: [] };

/** Routes of ours have this in front of the name of the route they stand before. */
const OWN = 'canary-only';

/**
 * The routes with this share for the canary; whatever share they had before is taken out, so it may be applied again and again. A route
 * without a destination in the subset `stable` of this host stays as it is.
 */
export function withShare(routes: readonly HttpRoute[], host: string, share: Share): HttpRoute[] {
  return routes.filter((route) => !isOwn(route)).flatMap((route, index) => {
    const stable = route.route?.find((one) => isSubset(one, host, STABLE));
    if (stable === undefined) return [route];
    const others = route.route!.filter((one) => one !== stable && !isSubset(one, host, CANARY));
    const canary = canaryOf(stable);
    const matches = matchesOf(share);
    const first = matches.length === 0 ? [] : [{ ...route, name: `${OWN}-${route.name ?? index}`, match: narrowed(route, matches), route: [{ ...canary, weight: 100 }] }];
    const split = share.percent === 0 ? [{ ...stable, weight: 100 }] : share.percent === 100 ? [{ ...canary, weight: 100 }] : [{ ...stable, weight: 100 - share.percent }, { ...canary, weight: share.percent }];
    // At 100 % the stable destination stays with weight 0: it is what the way back is made of.
    const kept = share.percent === 100 ? [{ ...stable, weight: 0 }, ...split] : split;
    return [...first, { ...route, route: [...others, ...kept] }];
  });
}

/** Why this command can't shift these routes; undefined when it can. */
export function whyNotShiftable(routes: readonly HttpRoute[], host: string): string | undefined {
  let found = 0;
  for (const [index, route] of routes.entries()) {
    const destinations = route.route ?? [];
    if (!destinations.some((one) => isSubset(one, host, STABLE))) continue;
    found += 1;
    if (destinations.some((one) => !isSubset(one, host, STABLE) && !isSubset(one, host, CANARY))) return `route ${route.name ?? index} also leads elsewhere than to the subset stable`;
  }
  return found === 0 ? `no route leads to the subset stable of ${host}` : undefined;
}

/** The greatest share that any route gives to the canary, in percent; users and buckets of their own count as their route does. */
export function canaryWeight(routes: readonly HttpRoute[]): number {
  return Math.max(0, ...routes.flatMap((route) => (route.route ?? []).filter((one) => one.destination.subset === CANARY).map((one) => one.weight ?? 100)));
}

/** The host by which requests are routed: the service's own name, short or whole. */
export function hostOf(virtual_service: VirtualService, service: string): string {
  const hosts = (virtual_service.spec.http ?? []).flatMap((route) => (route.route ?? []).map((one) => one.destination.host));
  return hosts.find((host) => host === service || host.startsWith(`${service}.`)) ?? service;
}

function isOwn({ name }: HttpRoute): boolean {
  return name?.startsWith(`${OWN}-`) === true;
}

function isSubset({ destination }: Destination, host: string, subset: string): boolean {
  return destination.host === host && destination.subset === subset;
}

function canaryOf(stable: Destination): Destination {
  return { ...stable, destination: { ...stable.destination, subset: CANARY } };
}

function matchesOf({ only, buckets }: Share): Record<string, object>[] {
  const named = only.map(({ header, value }) => ({ [header]: { exact: value } }));
  return buckets.length === 0 ? named : [...named, { 'x-route-key': { regex: bucketRegex(buckets) } }];
}

/** Each way into the route, with each of the headers as well. */
function narrowed(route: HttpRoute, headers: readonly Record<string, object>[]): NonNullable<HttpRoute['match']> {
  return (route.match ?? [{}]).flatMap((match) => headers.map((one) => ({ ...match, headers: { ...match.headers, ...one } })));
}
