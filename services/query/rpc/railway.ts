import { z } from 'zod';
import { FailureError } from '#kit/base/result.ts';
import type { ExternalClient } from '#kit/external/http.ts';
import { toFailure } from '#kit/external/outcome.ts';
import type { Railway } from '../app/ports.ts';

const ANSWER = z.union([
  z.object({ unchanged: z.literal(true) }),
  z.object({ unchanged: z.literal(false), feed_checksum: z.string().regex(/^[0-9a-f]{64}$/), feed_base64: z.string().max(12_000_000) }),
]);

export function railwayOver(client: ExternalClient): Railway {
  return {
    async fetchFeed(known_checksum) {
      const outcome = await client.call({ method: 'GET', path: `/v1/timetable?known=${known_checksum}` });
      if (!outcome.ok) throw new FailureError(toFailure(outcome.error));
      const parsed = ANSWER.safeParse(outcome.value.body);
      if (outcome.value.status !== 200 || !parsed.success) throw new FailureError({ reason: 'DEPENDENCY_UNAVAILABLE', detail: `railway: status ${outcome.value.status}` });
      if (parsed.data.unchanged) return undefined;
      return { feed: Buffer.from(parsed.data.feed_base64, 'base64'), feed_checksum: parsed.data.feed_checksum };
    },
  };
}
