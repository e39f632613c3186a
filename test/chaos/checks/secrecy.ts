/** Promise 6: no name, ID number or phone in clear in any table, log, stream or file of Redis. */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Told } from '../oracle.ts';
import { finding, type Finding } from '../finding.ts';
import type { World } from '../world.ts';

type People = Told['people'];

/** What the stack writes by itself. Not the sandboxes' own books: the outside world knows whom it serves. */
const FOLDERS = ['logs', 'nats', 'redis', 'envoy'];
const CHUNK_BYTES = 4 * 1024 * 1024;
/** Longer than anything that is looked for, so that nothing hides between two chunks. */
const OVERLAP_CHARS = 64;
const ROWS_AT_ONCE = 2_000;

/** Dumps every table of every database and reads every file; what looks like personal data is compared with the people's. */
export async function secrecyFindings(world: World, people: People): Promise<Finding[]> {
  if (people.length === 0) return [];
  const secrets = new Map(people.flatMap(({ name, id_number, phone }) => [[name, 'a name'], [id_number, 'an ID number'], [phone, 'a phone number']]));
  const found = new Map<string, string>();
  await searchTables(world, secrets, found);
  for (const folder of FOLDERS) await searchFolder(join(world.place.folder, folder), world.place.folder, secrets, found);
  return [...found].map(([where, what]) => finding('secrecy', [where], `${what} in clear`, where));
}

async function searchTables(world: World, secrets: ReadonlyMap<string, string>, found: Map<string, string>): Promise<void> {
  const tables = await world.rows<{ name: string; table: string }>("SELECT table_schema AS name, table_name AS `table` FROM information_schema.tables WHERE table_schema LIKE 'chunyun\\_%'");
  for (const { name, table } of tables) {
    for (let offset = 0; ; offset += ROWS_AT_ONCE) {
      const rows = await world.rows(`SELECT * FROM ${name}.\`${table}\` LIMIT ${ROWS_AT_ONCE} OFFSET ${offset}`);
      for (const row of rows) {
        for (const [column, value] of Object.entries(row)) {
          if (value === null) continue;
          const text = Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
          for (const secret of secretsIn(text, secrets)) found.set(`${name}.${table}.${column}`, secrets.get(secret)!);
        }
      }
      if (rows.length < ROWS_AT_ONCE) break;
    }
  }
}

async function searchFolder(folder: string, root: string, secrets: ReadonlyMap<string, string>, found: Map<string, string>): Promise<void> {
  for (const path of filesOf(folder)) {
    let rest = '';
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES, encoding: 'utf8' })) {
      const text = rest + String(chunk);
      for (const secret of secretsIn(text, secrets)) found.set(relative(root, path), secrets.get(secret)!);
      rest = text.slice(-OVERLAP_CHARS);
    }
  }
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).filter((path) => statSync(path).size > 0);
  } catch {
    return [];
  }
}

// Candidates by shape, then by value: hundreds of people cost one pass. Digits on either side make another number of it.
const SHAPES = [/(?<!\d)\d{17}[\dXx](?!\d)/g, /(?<!\d)1\d{10}(?!\d)/g, /(?=(\p{Script=Han}{3}))/gu];

function secretsIn(text: string, secrets: ReadonlyMap<string, string>): string[] {
  // Text that was escaped for JSON says the same.
  const plain = text.includes('\\u') ? text.replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text;
  return SHAPES.flatMap((shape) => [...plain.matchAll(shape)].map((match) => match[1] ?? match[0]).filter((candidate) => secrets.has(candidate)));
}
