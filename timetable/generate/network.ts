import { GAZETTEER } from '../rules/city.ts';
import { greatCircleM } from '../rules/distance.ts';
import { CORRIDORS, LINE_SPEED_KMH, type LineKind } from './corridors.ts';

/** Between neighbouring stations the line itself winds little; whole hundreds of metres. */
const LINE_DETOUR: Record<LineKind, number> = { high_speed: 1.05, fast: 1.08, classic: 1.18 };

export interface Edge {
  to: string;
  distance_m: number;
  kind: LineKind;
}

export type Network = ReadonlyMap<string, readonly Edge[]>;

export interface Path {
  stations: string[];
  /** `edges[i]` leads from `stations[i]` to `stations[i + 1]`. */
  edges: Edge[];
  distance_m: number;
  cost_s: number;
}

/** The lines of the given kinds as a graph of station names. Throws if a corridor names an unknown station. */
export function buildNetwork(kinds: readonly LineKind[]): Network {
  const edges = new Map<string, Edge[]>();
  const connect = (from: string, edge: Edge): void => {
    const known = edges.get(from) ?? [];
    edges.set(from, [...known, edge]);
  };
  for (const corridor of CORRIDORS) {
    if (!kinds.includes(corridor.kind)) continue;
    for (const [at, from] of corridor.stations.slice(0, -1).entries()) {
      const to = corridor.stations[at + 1]!;
      const distance_m = edgeDistance(from, to, corridor.kind);
      connect(from, { to, distance_m, kind: corridor.kind });
      connect(to, { to: from, distance_m, kind: corridor.kind });
    }
  }
  return edges;
}

/** Quickest paths from one station to all others (Dijkstra; the network is small, so the frontier is a plain map). */
export function pathsFrom(network: Network, origin: string): Map<string, Path> {
  const done = new Map<string, Path>();
  const frontier = new Map<string, Path>([[origin, { stations: [origin], edges: [], distance_m: 0, cost_s: 0 }]]);
  while (frontier.size > 0) {
    const [station, path] = cheapest(frontier);
    frontier.delete(station);
    done.set(station, path);
    for (const edge of network.get(station) ?? []) {
      if (done.has(edge.to)) continue;
      const cost_s = path.cost_s + (edge.distance_m * 3.6) / LINE_SPEED_KMH[edge.kind];
      if (cost_s >= (frontier.get(edge.to)?.cost_s ?? Infinity)) continue;
      frontier.set(edge.to, {
        stations: [...path.stations, edge.to],
        edges: [...path.edges, edge],
        distance_m: path.distance_m + edge.distance_m,
        cost_s,
      });
    }
  }
  return done;
}

/** The same path travelled the other way. */
export function reversed(path: Path): Path {
  const stations = path.stations.toReversed();
  const edges = path.edges.toReversed().map((edge, at) => ({ ...edge, to: stations[at + 1]! }));
  return { ...path, stations, edges };
}

function cheapest(frontier: ReadonlyMap<string, Path>): [string, Path] {
  let best: [string, Path] | undefined;
  for (const entry of frontier) if (best === undefined || entry[1].cost_s < best[1].cost_s) best = entry;
  return best!;
}

function edgeDistance(from: string, to: string, kind: LineKind): number {
  const a = GAZETTEER.get(from);
  const b = GAZETTEER.get(to);
  if (a === undefined || b === undefined) throw new Error(`corridor names an unknown station: ${from} or ${to}`);
  return Math.max(1_000, Math.round((greatCircleM(a, b) * LINE_DETOUR[kind]) / 100) * 100);
}
