import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import * as yauzl from 'yauzl';
import { MAX_UNCOMPRESSED_BYTES, MAX_ZIP_BYTES, MAX_ZIP_ENTRIES } from './limits.ts';
import type { Problems } from './problems.ts';

/** Names the zip itself in problems. */
export const ARCHIVE = '(zip)';

/** The text files at the root of a feed's zip. Nothing is inflated before it is read. */
export interface Archive {
  has(file: string): boolean;
  /** The inflated bytes in pieces. Throws `ArchiveError` for damaged content, also after pieces were given. */
  read(file: string): AsyncIterable<Buffer>;
  close(): void;
}

/** The zip is damaged: told apart from our own bugs, which are not caught. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

/** Opens a zip from a path or from memory; undefined after reporting why it cannot be used. */
export async function openArchive(source: string | Uint8Array, problems: Problems): Promise<Archive | undefined> {
  const size = await sourceSize(source);
  if (size === undefined) {
    problems.error(ARCHIVE, 0, 'unreadable_file', 'the feed cannot be opened');
    return undefined;
  }
  if (size > MAX_ZIP_BYTES) {
    problems.error(ARCHIVE, 0, 'too_large', `the zip has ${size} bytes, more than ${MAX_ZIP_BYTES}`);
    return undefined;
  }
  let zip: yauzl.ZipFile | undefined;
  try {
    const options = { autoClose: false, strictFileNames: true, validateEntrySizes: true };
    zip = typeof source === 'string' ? await yauzl.openPromise(source, options) : await yauzl.fromBufferPromise(asBuffer(source), options);
    const entries = await listEntries(zip, problems);
    if (entries !== undefined) return archiveOf(zip, entries);
  } catch (error) {
    problems.error(ARCHIVE, 0, 'corrupt_zip', messageOf(error));
  }
  zip?.close();
  return undefined;
}

async function listEntries(zip: yauzl.ZipFile, problems: Problems): Promise<Map<string, yauzl.Entry> | undefined> {
  if (zip.entryCount > MAX_ZIP_ENTRIES) {
    problems.error(ARCHIVE, 0, 'too_many_entries', `the zip has ${zip.entryCount} entries, more than ${MAX_ZIP_ENTRIES}`);
    return undefined;
  }
  const entries = new Map<string, yauzl.Entry>();
  let uncompressed_bytes = 0;
  for await (const entry of zip.eachEntry()) {
    uncompressed_bytes += entry.uncompressedSize;
    if (uncompressed_bytes > MAX_UNCOMPRESSED_BYTES) {
      problems.error(ARCHIVE, 0, 'too_large', `the files inflate to more than ${MAX_UNCOMPRESSED_BYTES} bytes`);
      return undefined;
    }
    if (entries.has(entry.fileName)) {
      problems.error(ARCHIVE, 0, 'duplicate_file', `${entry.fileName} is in the zip twice`);
      return undefined;
    }
    entries.set(entry.fileName, entry);
  }
  return entries;
}

function archiveOf(zip: yauzl.ZipFile, entries: ReadonlyMap<string, yauzl.Entry>): Archive {
  return {
    has: (file) => entries.has(file),
    read: (file) => readChecked(zip, entries.get(file)!),
    close: () => zip.close(),
  };
}

/** yauzl checks sizes but not checksums, so a flipped bit in stored text would pass: check them here. */
async function* readChecked(zip: yauzl.ZipFile, entry: yauzl.Entry): AsyncGenerator<Buffer> {
  let checksum = 0;
  let stream: Readable | undefined;
  try {
    stream = await zip.openReadStreamPromise(entry);
    for await (const piece of stream) {
      checksum = crc32(piece as Buffer, checksum);
      yield piece as Buffer;
    }
  } catch (error) {
    throw new ArchiveError(messageOf(error));
  } finally {
    stream?.destroy();
  }
  if (checksum !== entry.crc32) throw new ArchiveError('checksum of the content does not match');
}

async function sourceSize(source: string | Uint8Array): Promise<number | undefined> {
  if (typeof source !== 'string') return source.byteLength;
  try {
    const file = await stat(source);
    return file.isFile() ? file.size : undefined;
  } catch {
    return undefined;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
