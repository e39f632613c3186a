// What an outside company acknowledged, it remembers: an append-only file of JSON lines, synced before the answer.
import { mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

export type Journal<R> = {
  /** Resolves when the record is on the disk. Records keep the order of the calls. */
  append(record: R): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens a journal and hands every record of earlier runs to `replay`, in order. A torn last line (killed while writing,
 * so never acknowledged) is cut off. Without a path nothing is kept, for tests that need no restart.
 */
export async function openJournal<R>(path: string | undefined, replay: (record: R) => void): Promise<Journal<R>> {
  if (path === undefined) return { append: async () => {}, close: async () => {} };
  mkdirSync(dirname(path), { recursive: true });
  replayFile(path, replay);
  return new FileJournal<R>(await open(path, 'a', 0o600));
}

class FileJournal<R> implements Journal<R> {
  readonly #file: FileHandle;
  #waiting: Array<{ line: string; done: () => void; failed: (error: unknown) => void }> = [];
  #writing: Promise<void> | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  append(record: R): Promise<void> {
    if (this.#waiting.length >= WAITING_LIMIT) return Promise.reject(new Error('the journal is too far behind'));
    return new Promise((done, failed) => {
      this.#waiting.push({ line: `${JSON.stringify(record)}\n`, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
  }

  /** One write and one sync for all that came meanwhile. */
  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#file.appendFile(batch.map(({ line }) => line).join(''));
        await this.#file.datasync();
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#writing = undefined;
  }
}

function replayFile<R>(path: string, replay: (record: R) => void): void {
  const bytes = readIfThere(path);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) truncateSync(path, end);
  for (const line of bytes.subarray(0, end).toString().split('\n')) {
    if (line !== '') replay(JSON.parse(line) as R);
  }
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

const WAITING_LIMIT = 100_000;
