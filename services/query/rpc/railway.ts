import { z } from 'zod';
import { FailureError } from '#kit/base/result.ts';
import type { ExternalClient } from '#kit/external/http.ts';
import { toFailure } from '#kit/external/outcome.ts';
import { checksumOfChange, RUN_CHANGE, type RunChange } from '../../../timetable/run_change.ts';
import type { Railway } from '../app/ports.ts';

/** Bounds what one sync reads: ten times the national feed. */
const MAX_PARTS = 200;
const MAX_FEED_BYTES = 32 * 1024 * 1024;

const FEED = z.union([
  z.object({ unchanged: z.literal(true) }),
  z.object({ unchanged: z.literal(false), feed_checksum: z.string().regex(/^[0-9a-f]{64}$/), feed_bytes: z.number().int().min(1).max(MAX_FEED_BYTES), part_count: z.number().int().min(1).max(MAX_PARTS) }),
]);
const PART = z.object({ part_no: z.number().int(), part_base64: z.string().max(2_000_000) });
const CHANGES = z.object({ changes: z.array(z.object({ change: z.unknown(), checksum: z.string() })).max(1_000), more: z.boolean() });

export function railwayOver(client: ExternalClient): Railway {
  async function ask(path: string): Promise<{ status: number; body: unknown }> {
    const outcome = await client.call({ method: 'GET', path });
    if (!outcome.ok) throw new FailureError(toFailure(outcome.error));
    return outcome.value;
  }
  return {
    async fetchFeed(known_checksum) {
      const head = parsed(FEED, await ask(`/v1/timetable?known=${known_checksum}`));
      if (head.unchanged) return undefined;
      const { feed_checksum, feed_bytes, part_count } = head;
      const parts: Buffer[] = [];
      for (let part_no = 0; part_no < part_count; part_no += 1) {
        const answer = await ask(`/v1/timetable/${feed_checksum}/parts/${part_no}`);
        if (answer.status === 404) return { unfit: 'the railway replaced the feed while it was fetched' };
        parts.push(Buffer.from(parsed(PART, answer).part_base64, 'base64'));
      }
      const feed = Buffer.concat(parts);
      return feed.length === feed_bytes ? { feed, feed_checksum } : { unfit: `the feed has ${feed.length} bytes of ${feed_bytes}: it was cut off on the way` };
    },
    async fetchChanges(after) {
      const { changes, more } = parsed(CHANGES, await ask(`/v1/run-changes?after=${after}`));
      const good: RunChange[] = [];
      for (const { change, checksum } of changes) {
        const read = RUN_CHANGE.safeParse(change);
        // Those behind it wait for it: a sequence once passed is never asked for again.
        if (!read.success) return { changes: good, more, unfit: `a change is malformed: ${z.prettifyError(read.error).slice(0, 200)}` };
        if (checksumOfChange(read.data) !== checksum) return { changes: good, more, unfit: `the checksum of change ${read.data.sequence} is wrong` };
        good.push(read.data);
      }
      return { changes: good, more, unfit: undefined };
    },
  };
}

function parsed<T>(shape: z.ZodType<T>, { status, body }: { status: number; body: unknown }): T {
  const read = shape.safeParse(body);
  if (status !== 200 || !read.success) throw new FailureError({ reason: 'DEPENDENCY_UNAVAILABLE', detail: `railway: status ${status}` });
  return read.data;
}
