import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { edgeConfig } from './edge.ts';
import { EDGE_CONFIG_PATH } from './render.ts';

const HEADER = '# Made by `npm run generate` from the contracts and envoy/edge.ts: edit there. Names in braces are filled in by envoy/render.ts.\n';

/** The text of edge.yaml; the same contracts give the same bytes. */
export function edgeText(): string {
  return HEADER + stringify(edgeConfig(), { lineWidth: 160 });
}

export function buildEdge(): void {
  writeFileSync(EDGE_CONFIG_PATH, edgeText());
}

if (import.meta.main) buildEdge();
