import { fromBinary } from '@bufbuild/protobuf';
import { QueryService, SearchTrainsRequestSchema } from '#gen/rail/query/v1/query_pb.ts';
import { createClient } from '#kit/rpc/client.ts';
import type { Popular } from '../app/popular.ts';

/** Searches that are asked before an opening, and how many at once. */
const MAX_SEARCHES = 200;
const AT_ONCE = 8;
const TIMEOUT_MS = 1_000;

/** Asks this process, as a traveller would, what travellers ask it most. Its answers are kept and shared like any others. */
export function ownQuestions(address: string, popular: Popular) {
  const client = createClient(QueryService, { address, service: 'query', default_timeout_ms: TIMEOUT_MS });
  return {
    async ask(date: string): Promise<void> {
      const searches = popular.top(MAX_SEARCHES).map((request) => ({ ...fromBinary(SearchTrainsRequestSchema, Buffer.from(request, 'latin1')), date, pageToken: '' }));
      while (searches.length > 0) await Promise.all(searches.splice(0, AT_ONCE).map((search) => client.searchTrains(search).catch(() => undefined)));
    },
    stop: () => client.close(),
  };
}
