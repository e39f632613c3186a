import { readFileSync } from 'node:fs';

export const EDGE_CONFIG_PATH = new URL('./edge.yaml', import.meta.url).pathname;

/** Names that `edge.yaml` leaves open; addresses are `<NAME>_HOST` and `<NAME>_PORT`. */
export type EdgeValues = Record<string, string | number>;

const OPEN = /"?\$\{([A-Z0-9_]+)\}"?/g;

/** The names that a template leaves open. */
export function namesIn(template: string): Set<string> {
  return new Set([...template.matchAll(OPEN)].map(([, name]) => name!));
}

/**
 * The edge's configuration for one place. A number that stands alone becomes a number. Throws when a name is left open
 * or a value is given that the file does not know: a half-filled edge must not start.
 */
export function renderEdge(values: EdgeValues, template: string = readFileSync(EDGE_CONFIG_PATH, 'utf8')): string {
  const unused = new Set(Object.keys(values));
  const missing = new Set<string>();
  const text = template.replaceAll(OPEN, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) {
      missing.add(name);
      return whole;
    }
    unused.delete(name);
    const quoted = whole.startsWith('"') && whole.endsWith('"') && typeof value === 'string';
    return quoted ? JSON.stringify(value) : String(value);
  });
  if (missing.size > 0) throw new Error(`the edge needs a value for ${[...missing].join(', ')}`);
  if (unused.size > 0) throw new Error(`the edge knows nothing of ${[...unused].join(', ')}`);
  return text;
}
