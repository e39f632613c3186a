import { Buffer } from 'node:buffer';
import { Readable } from 'node:stream';
import { parse, CsvError, type Options } from 'csv-parse';
import { ArchiveError, type Archive } from './archive.ts';
import { MAX_COLUMNS, MAX_RECORD_CHARACTERS, MAX_ROWS } from './limits.ts';
import type { Problems } from './problems.ts';

/** One record of a file. `value` is trimmed and empty where the column or the cell is missing. */
export interface Row {
  /** Line the record ends on; the header is line 1. */
  line: number;
  value(column: string): string;
}

export interface TableOptions {
  required_columns: readonly string[];
  signal?: AbortSignal | undefined;
}

/**
 * Streams the records of a CSV file to `onRow`: quoted cells, byte order mark, any line ends, columns in any order.
 * Problems are reported with their line; after a damaged file or too many problems reading stops.
 * Returns the number of rows given.
 */
export async function readTable(
  archive: Archive,
  file: string,
  problems: Problems,
  options: TableOptions,
  onRow: (row: Row) => void,
): Promise<number> {
  const source = Readable.from(unixLines(archive.read(file)));
  const parser = parse(CSV_OPTIONS);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let columns: Map<string, number> | undefined;
  let cells: string[] = [];
  let rows = 0;
  const row: Row = { line: 0, value: (column) => cells[columns!.get(column) ?? -1]?.trim() ?? '' };
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (options.signal?.aborted === true) {
        problems.error(file, info.lines, 'cancelled', 'the import was cancelled');
        break;
      }
      if (columns === undefined) {
        columns = headerOf(file, record, problems, options.required_columns);
        if (columns === undefined) break;
        continue;
      }
      row.line = info.lines;
      cells = record;
      if (!checkRecord(file, row.line, record, columns.size, problems)) {
        if (problems.full) break;
        continue;
      }
      rows += 1;
      if (rows > MAX_ROWS[file]!) {
        problems.error(file, row.line, 'too_many_rows', `more than ${MAX_ROWS[file]} rows`);
        break;
      }
      onRow(row);
      if (problems.full) break;
    }
    if (columns === undefined && !problems.failed) problems.error(file, 0, 'empty_file', 'the file has no header');
  } catch (error) {
    reportBroken(file, row.line, error, problems);
  } finally {
    source.destroy();
    parser.destroy();
  }
  return rows;
}

const CSV_OPTIONS: Options = {
  bom: true,
  info: true,
  relax_column_count: true,
  skip_empty_lines: true,
  max_record_size: MAX_RECORD_CHARACTERS,
  record_delimiter: ['\n', '\r'],
};

const CR = 0x0d;
const LF = 0x0a;

/** CR LF becomes LF before parsing: the parser would count it as two lines inside quotes, and every line after be wrong. */
async function* unixLines(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pending_cr = false;
  for await (const piece of pieces) {
    const bytes: Buffer = pending_cr ? Buffer.concat([Buffer.of(CR), piece]) : piece;
    pending_cr = bytes.at(-1) === CR;
    const whole = pending_cr ? bytes.subarray(0, -1) : bytes;
    yield whole.includes(CR) ? withoutCrBeforeLf(whole) : whole;
  }
  if (pending_cr) yield Buffer.of(CR);
}

function withoutCrBeforeLf(bytes: Buffer): Buffer {
  const kept = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === CR && bytes[at + 1] === LF) continue;
    kept[length] = bytes[at]!;
    length += 1;
  }
  return kept.subarray(0, length);
}

function headerOf(file: string, record: string[], problems: Problems, required: readonly string[]): Map<string, number> | undefined {
  const columns = new Map<string, number>();
  for (const [at, cell] of record.entries()) {
    const name = cell.trim();
    if (columns.has(name)) {
      problems.error(file, 1, 'duplicate_column', `column ${name} appears twice`, name);
      return undefined;
    }
    columns.set(name, at);
  }
  if (columns.size > MAX_COLUMNS) {
    problems.error(file, 1, 'bad_csv', `more than ${MAX_COLUMNS} columns`);
    return undefined;
  }
  const missing = required.filter((name) => !columns.has(name));
  for (const name of missing) problems.error(file, 1, 'missing_column', `column ${name} is required`, name);
  return missing.length > 0 ? undefined : columns;
}

function checkRecord(file: string, line: number, record: string[], column_count: number, problems: Problems): boolean {
  if (record.length !== column_count) {
    problems.error(file, line, 'wrong_column_count', `${record.length} cells where the header has ${column_count} columns`);
    return false;
  }
  // Bytes that are no UTF-8 were decoded to U+FFFD; a feed has no other reason to contain it.
  if (record.some((cell) => cell.includes('\uFFFD'))) {
    problems.error(file, line, 'bad_encoding', 'the line is not valid UTF-8');
    return false;
  }
  return true;
}

function reportBroken(file: string, line: number, error: unknown, problems: Problems): void {
  if (error instanceof ArchiveError) {
    problems.error(file, line, 'corrupt_zip', error.message);
  } else if (error instanceof CsvError) {
    const at = (error as { lines?: unknown }).lines;
    problems.error(file, typeof at === 'number' ? at : line, 'bad_csv', error.message);
  } else {
    throw error;
  }
}
