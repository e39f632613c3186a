import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments, type Document } from 'yaml';
import { Told } from '../../say.ts';
import type { Kind, KubeObject } from '../domain/objects.ts';

/** A file with its documents, as they are being edited. */
export type Manifest = { path: string; name: string; before: string; documents: Document[] };
export type Found<T> = { manifest: Manifest; document: Document; object: T };

/** The YAML files of a folder that can be read as plain manifests; templates of other tools are left out. */
export function readManifests(folder: string): Manifest[] {
  if (!existsSync(folder)) throw new Told(`there is no folder ${folder}`, `目录 ${folder} 不存在`);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && !/(^|\/)(\.git|node_modules)(\/|$)/.test(relative(folder, entry.parentPath)))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .flatMap((path) => {
      const before = readFileSync(path, 'utf8');
      const documents = parseAllDocuments(before);
      return !Array.isArray(documents) || documents.some(({ errors }) => errors.length > 0) ? [] : [{ path, name: relative(folder, path), before, documents: documents as Document[] }];
    });
}

/** The one object of this kind and name that is whole: patches of overlays have the same names. */
export function find<T extends KubeObject>(manifests: readonly Manifest[], kind: Kind, name: string, isWhole: (object: T) => boolean): Found<T> | undefined {
  const found = manifests.flatMap((manifest) => manifest.documents.flatMap((document): Found<T>[] => {
    const object = document.toJS() as T | null;
    return object?.kind === kind && object.metadata?.name === name && isWhole(object) ? [{ manifest, document, object }] : [];
  }));
  if (found.length > 1) {
    const names = found.map(({ manifest }) => manifest.name).join(', ');
    throw new Told(`${kind} ${name} is in several files: ${names}. Name the folder of one of them`, `${kind} ${name} 出现在多个文件中：${names}。请指定其中一个的目录`);
  }
  return found[0];
}

/** What the file will be. Empty when nothing is left of it. */
export function textOf({ documents, before }: Manifest): string {
  if (documents.length === 0) return '';
  const has_markers = /^---/m.test(before) || documents.length > 1;
  return documents.map((document, index) => {
    const text = document.toString({ lineWidth: 0, flowCollectionPadding: !/\{\S/.test(before) });
    return has_markers && (index > 0 || before.startsWith('---')) && !text.startsWith('---') ? `---\n${text}` : text;
  }).join('');
}
