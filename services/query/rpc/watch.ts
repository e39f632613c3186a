import { toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { SearchTrainsRequestSchema, WatchAvailabilityResponseSchema, type SearchTrainsRequest } from '#gen/rail/query/v1/query_pb.ts';
import type { Clock } from '#kit/base/clock.ts';
import type { Call } from '#kit/rpc/call.ts';
import { encodeMessage } from '#kit/rpc/messages.ts';
import { Prepared } from '#kit/rpc/prepared.ts';
import type { PageChange } from '../app/watched_page.ts';
import type { Catalog } from '../domain/catalog.ts';
import { offerMessage } from './messages.ts';

/** The bytes of a change, made once for all watchers of the page. */
export function changeEncoder(catalogNow: () => Catalog, clock: Clock): (change: PageChange) => Prepared {
  return ({ offers, gone_run_ids }) => {
    const catalog = catalogNow();
    return new Prepared(encodeMessage(WatchAvailabilityResponseSchema, { offers: offers.map((offer) => offerMessage(catalog, offer)), asOf: timestampFromMs(clock.now_ms()), goneRunIds: [...gone_run_ids] }));
  };
}

/** Equal for watchers of whom each sees what the others see. */
export function pageKey(search: SearchTrainsRequest, { account }: Pick<Call, 'account'>): string {
  return `${account?.channel ?? ''} ${Buffer.from(toBinary(SearchTrainsRequestSchema, search)).toString('latin1')}`;
}
