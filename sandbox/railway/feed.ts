import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Faults } from '../shared/faults.ts';
import { Refusal, type Route } from '../shared/route.ts';

/** Small enough to be sent within the second that a call may take. */
const PART_BYTES = 256 * 1024;

const PATH = '/v1/timetable';

type Feed = { file: string; mtime_ms: number; bytes: Buffer; feed_checksum: string };

/** The feed file, which is read again when it changes, in parts. A part of a feed that has been replaced is gone (404). */
export function feedRoutes(feed_file: string | undefined, faults: Faults): Route[] {
  let read: Feed | undefined;
  const current = async (): Promise<Feed> => {
    if (feed_file === undefined) throw new Refusal(404, 'NO_TIMETABLE');
    const { mtimeMs: mtime_ms } = await stat(feed_file);
    if (read?.mtime_ms !== mtime_ms) {
      const bytes = await readFile(feed_file);
      read = { file: feed_file, mtime_ms, bytes, feed_checksum: sha256(bytes) };
    }
    return read;
  };
  return [
    {
      method: 'GET', path: PATH, signed: true,
      async handle({ query }) {
        const { bytes, feed_checksum } = await current();
        if (query.get('known') === feed_checksum) return { json: { unchanged: true } };
        return { json: { unchanged: false, feed_checksum, feed_bytes: bytes.length, part_count: Math.ceil(bytes.length / PART_BYTES) } };
      },
    },
    {
      method: 'GET', path: `${PATH}/:feed_checksum/parts/:part_no`, signed: true,
      async handle({ params }) {
        const { bytes, feed_checksum } = await current();
        if (params.feed_checksum !== feed_checksum) throw new Refusal(404, 'FEED_REPLACED');
        const part_no = Number(params.part_no);
        const part = bytes.subarray(part_no * PART_BYTES, (part_no + 1) * PART_BYTES);
        if (!Number.isInteger(part_no) || part.length === 0) throw new Refusal(404, 'NO_SUCH_PART');
        const sent = faults.take(PATH, 'truncated_feed') === undefined ? part : part.subarray(0, part.length >> 1);
        return { json: { part_no, part_base64: sent.toString('base64') } };
      },
    },
  ];
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
