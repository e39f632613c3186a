import test from 'ava';
import { readOrUndefined, typescriptSources } from './sources.ts';

/** `docs/REQUIREMENTS.md` has rows `| id | requirement | where | test | status |`. */
const STATUSES = ['done', 'partial', 'planned', 'departed'];

type Row = { line: number; id: string; requirement: string; where: string; test: string; status: string };

const text = readOrUndefined('docs/REQUIREMENTS.md') ?? '';
const rows = parse(text);

test('every line of the requirements has a row, and every row a status', (t) => {
  t.true(rows.length >= 100, `only ${rows.length} rows`);
  t.deepEqual(rows.filter((row) => !STATUSES.includes(row.status)).map((row) => `${row.line}: ${row.status}`), []);
  const ids = rows.map((row) => row.id);
  t.deepEqual(ids.filter((id, index) => ids.indexOf(id) !== index), []);
});

test('what is called done or partial names a test that exists', (t) => {
  const titles = testTitles();
  const missing = rows.filter((row) => row.status === 'done' || row.status === 'partial').flatMap((row) => missingTests(row, titles));
  t.deepEqual(missing, []);
});

test('what is called done or partial names files that exist', (t) => {
  const missing = rows
    .filter((row) => row.status === 'done' || row.status === 'partial')
    .flatMap((row) => [...row.where.matchAll(/`([a-z][\w./-]*\.(?:ts|tsx|proto|lua|yaml|md|mjs))`/g)].map((match) => match[1]!).filter((path) => readOrUndefined(path) === undefined).map((path) => `${row.id}: ${path}`));
  t.deepEqual(missing, []);
});

test('the sum at the top is the sum of the rows', (t) => {
  const count = (status: string): number => rows.filter((row) => row.status === status).length;
  t.true(text.includes(`In all: ${STATUSES.map((status) => `${count(status)} ${status}`).join(', ')}.`));
});

test('a departure from the requirements names its ADR', (t) => {
  const missing = rows.filter((row) => row.status === 'departed' && !/adr\/\d{4}/.test(row.where + row.test));
  t.deepEqual(missing.map((row) => row.id), []);
});

function parse(markdown: string): Row[] {
  return markdown.split('\n').flatMap((line, index) => {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (cells.length !== 7 || !/^[AB]-[\w.]+$/.test(cells[1]!)) return [];
    return [{ line: index + 1, id: cells[1]!, requirement: cells[2]!, where: cells[3]!, test: cells[4]!, status: cells[5]! }];
  });
}

/** A test is named `file.test.ts › title`; the title may be left out when the whole file is meant. */
function missingTests(row: Row, titles: Map<string, Set<string>>): string[] {
  const named = [...row.test.matchAll(/`([^`]+\.(?:test|mesh)\.ts)(?: › ([^`]+))?`/g)];
  if (named.length === 0) return [`${row.id}: names no test`];
  return named
    .filter(([, file, title]) => titles.get(file!) === undefined || (title !== undefined && !titles.get(file!)!.has(title)))
    .map(([whole]) => `${row.id}: ${whole}`);
}

function testTitles(): Map<string, Set<string>> {
  const titles = new Map<string, Set<string>>();
  for (const source of typescriptSources()) {
    if (!/\.(?:test|mesh)\.ts$/.test(source.path)) continue;
    titles.set(source.path, new Set([...source.text.matchAll(/\b[a-zA-Z.]*[tT]est[a-zA-Z.]*\(\s*(['"`])((?:(?!\1).)*)\1/g)].map((match) => match[2]!)));
  }
  return titles;
}
