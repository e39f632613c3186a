import test from 'ava';
import { layerViolations } from './layers.ts';
import { isTest, readOrUndefined, trackedFiles, typescriptSources } from './sources.ts';

/** A file longer than this hides more than one concept. Tables of data are exempt: they are read by searching. */
const MAX_LINES = 400;
const MAX_TEST_LINES = 700;
const MAX_FUNCTION_LINES = 90;
const IS_DATA = /\/(data|i18n)\//;

/** A process ends itself only where it began. */
const ENTRY = /(^bootstrap\.mjs$|main\.ts$|^scripts\/[^/]+\.ts$|serve\.ts$|supervisor\.ts$|^kit\/run\/lifecycle\.ts$)/;

const sources = typescriptSources();

test('imports point one way', (t) => {
  t.deepEqual(sources.flatMap(layerViolations), []);
});

test('files stay small enough to be one concept', (t) => {
  const long = sources
    .filter(({ path }) => !IS_DATA.test(path))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length }))
    .filter(({ path, lines }) => lines > (isTest(path) ? MAX_TEST_LINES : MAX_LINES));
  t.deepEqual(long, []);
});

test('functions stay small enough to be read at once', (t) => {
  t.deepEqual(sources.filter(({ path }) => !isTest(path) && !IS_DATA.test(path) && !path.endsWith('.tsx')).flatMap(({ path, text }) => longFunctions(path, text)), []);
});

test('types are stripped, so nothing that needs compiling is written', (t) => {
  const found = sources.filter(({ text }) => /^\s*(export\s+)?(const\s+)?enum\s/m.test(text) || /^\s*@[A-Za-z]+\(.*\)\s*$/m.test(text));
  t.deepEqual(found.map(({ path }) => path), []);
});

test('a relative import names its file whole', (t) => {
  const found = sources.flatMap(({ path, imports }) =>
    imports.filter((specifier) => /^(\.|#)/.test(specifier) && !/\.(ts|tsx|css|svg|json)(\?\w+)?$/.test(specifier)).map((specifier) => `${path}: ${specifier}`),
  );
  t.deepEqual(found, []);
});

test('a process ends itself only where it began', (t) => {
  const found = sources.filter(({ path, text }) => /\bprocess\.exit\(/.test(text) && !ENTRY.test(path) && !isTest(path));
  t.deepEqual(found.map(({ path }) => path), []);
});

test('nothing is left to do', (t) => {
  const word = new RegExp(`(//|/\\*|\\* )\\s*(${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')}|${['XX', 'X'].join('')})\\b`);
  t.deepEqual(sources.filter(({ text }) => word.test(text)).map(({ path }) => path), []);
});

test('no test is left running alone', (t) => {
  t.deepEqual(sources.filter(({ path, text }) => isTest(path) && /\btest(\.serial)?\.only\(/.test(text)).map(({ path }) => path), []);
});

test('no secret and no path of one machine is in the repository', (t) => {
  const secret = new RegExp(`-----BEGIN (RSA |EC )?${'PRIVATE'} KEY-----`);
  const home = new RegExp(`${'/wo'}rk/(main|shared)|${'/ro'}ot/|${'/ho'}me/[a-z]`);
  const found: string[] = [];
  for (const path of trackedFiles()) {
    if (path === 'package-lock.json' || /\.(binpb|zip|png|svg)$/.test(path)) continue;
    const text = readOrUndefined(path) ?? '';
    if (secret.test(text)) found.push(`${path}: a private key`);
    if (home.test(text)) found.push(`${path}: a path of one machine`);
  }
  t.deepEqual(found, []);
});

/** Top-level functions and methods by indentation: the formatter's habit makes the closing brace easy to find. */
function longFunctions(path: string, text: string): string[] {
  const lines = text.split('\n');
  const found: string[] = [];
  for (let start = 0; start < lines.length; start++) {
    const match = /^(\s{0,2})(export\s+)?(async\s+)?(function\b|(static\s+)?(async\s+)?#?[a-zA-Z_]+\s*\([^)]*\)[^;]*\{\s*$)/.exec(lines[start]!);
    if (match === null || !lines[start]!.trimEnd().endsWith('{')) continue;
    const end = lines.findIndex((line, index) => index > start && line.startsWith(`${match[1]}}`));
    if (end - start > MAX_FUNCTION_LINES) found.push(`${path}:${start + 1}: ${end - start} lines`);
  }
  return found;
}
