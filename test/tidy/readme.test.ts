import test from 'ava';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readOrUndefined, ROOT } from './sources.ts';

/** What people read first, in both languages. */
const READMES = ['README.md', 'README.zh.md'];
const LINKED = [...READMES, 'CONTRIBUTING.md', 'docs/ARCHITECTURE.md', 'docs/GLOSSARY.md', 'envoy/README.md', 'kit/README.md', 'mesh/README.md', 'mesh/istio/README.md'];
/** npm's own words for scripts. */
const SHORT = new Set(['start', 'test', 'stop']);

const texts = new Map(LINKED.map((path) => [path, readOrUndefined(path) ?? '']));

test('every command that a page names exists', (t) => {
  const { scripts } = JSON.parse(readOrUndefined('package.json')!) as { scripts: Record<string, string> };
  for (const path of LINKED) {
    const named = [...texts.get(path)!.matchAll(/npm (?:run ([a-z:_]+)|(start|test|stop)\b)/g)].map((match) => match[1] ?? match[2]!);
    t.deepEqual(named.filter((name) => !(name in scripts) && !SHORT.has(name)), [], path);
    t.deepEqual(named.filter((name) => !existsSync(join(ROOT, 'scripts', `${name.replace(':', '_')}.ts`))), [], `${path}: a script without its file`);
  }
});

test('every option of npm start that a page names is one', (t) => {
  const help = readOrUndefined('scripts/start.ts')!;
  for (const path of READMES) {
    const lines = [...texts.get(path)!.matchAll(/npm start -- ([^`\n]+)`/g)].map((match) => match[1]!);
    t.true(lines.length > 0, path);
    const options = lines.flatMap((line) => line.match(/--[a-z-]+/g) ?? []);
    t.deepEqual(options.filter((option) => !help.includes(`${option} `)), [], path);
  }
});

test('every link to a file leads somewhere', (t) => {
  const broken = LINKED.flatMap((path) =>
    [...texts.get(path)!.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map((match) => match[1]!).filter((target) => !existsSync(join(ROOT, dirname(path), target))).map((target) => `${path}: ${target}`),
  );
  t.deepEqual(broken, []);
});

test('every picture also stands there as text', (t) => {
  for (const path of READMES) {
    const text = texts.get(path)!;
    const pictures = text.split('```mermaid').slice(1);
    t.true(pictures.length > 0, path);
    for (const picture of pictures) t.regex(picture.split('```')[1]!.trimStart(), /^(?:The same as text:|文字版：)\n\n- /, path);
  }
});

test('a test that a page names exists', (t) => {
  const missing = READMES.flatMap((path) =>
    [...texts.get(path)!.matchAll(/\]\(([^)]+\.test\.ts)\)[:：] ?((?:\*[^*]+\*(?:, |、)?)+)/g)].flatMap(([, file, titles]) =>
      [...titles!.matchAll(/\*([^*]+)\*/g)].map((match) => match[1]!).filter((title) => !readOrUndefined(file!)?.includes(`'${title}'`)).map((title) => `${path}: ${file} › ${title}`),
    ),
  );
  t.deepEqual(missing, []);
  for (const path of READMES) t.true([...texts.get(path)!.matchAll(/\.test\.ts\)[:：]/g)].length >= 9, path);
});
