import { Document, isMap, isScalar, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';

/** No anchors for what stands twice: people edit it apart. */
export const PLAIN = { aliasDuplicateObjects: false };

/** Brings a value inside a document to what it should be and touches nothing else, so that comments and order stay. */
export function setDeep(document: Document, path: readonly string[], value: unknown): void {
  const node = document.getIn(path, true);
  if (!update(document, node, value)) document.setIn(path, document.createNode(value, PLAIN));
}

/** False when the node is of another kind and has to be replaced whole. */
function update(document: Document, node: unknown, value: unknown): boolean {
  if (isMap(node) && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    updateMap(document, node, value as Record<string, unknown>);
    return true;
  }
  if (isSeq(node) && Array.isArray(value)) {
    updateSeq(document, node, value);
    return true;
  }
  if (isScalar(node) && (typeof value !== 'object' || value === null)) {
    if (node.value !== value) node.value = value;
    return true;
  }
  return false;
}

function updateMap(document: Document, map: YAMLMap, value: Record<string, unknown>): void {
  for (const key of map.items.map((pair) => pair.key)) {
    const name = isScalar(key) ? String(key.value) : String(key);
    if (!(name in value) || value[name] === undefined) map.delete(key);
  }
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const node = map.get(name, true);
    if (node === undefined || !update(document, node, item)) map.set(name, document.createNode(item, PLAIN));
  }
}

/** Items that have a name are found by it again, others by what they are, so that one more in front does not rewrite the rest. */
function updateSeq(document: Document, seq: YAMLSeq, value: readonly unknown[]): void {
  const old = seq.items.map((node) => ({ node, key: keyOf(toPlain(document, node)) }));
  seq.items = value.map((item) => {
    const at = old.findIndex(({ key }) => key === keyOf(item));
    const found = at < 0 ? undefined : old.splice(at, 1)[0]!.node;
    return found !== undefined && update(document, found, item) ? found : document.createNode(item, PLAIN);
  });
}

function toPlain(document: Document, node: unknown): unknown {
  return isMap(node) || isSeq(node) || isScalar(node) ? node.toJS(document) : node;
}

function keyOf(item: unknown): string {
  const { name, destination } = (item ?? {}) as { name?: unknown; destination?: { subset?: unknown } };
  if (typeof name === 'string') return `name ${name}`;
  if (typeof destination?.subset === 'string') return `subset ${destination.subset}`;
  if (typeof item === 'object' && item !== null && 'route' in item) return `match ${JSON.stringify((item as { match?: unknown }).match ?? null)}`;
  return JSON.stringify(item);
}
