import { create } from '@bufbuild/protobuf';
import { useEffect, useEffectEvent } from 'react';
import { SearchTrainsRequestSchema } from '#gen/rail/query/v1/query_pb.ts';
import type { SearchTrainsRequest, TrainOffer, WatchAvailabilityResponse } from '#gen/rail/query/v1/query_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import type { Api } from '../../api/api.ts';
import { useApi } from '../../app/api_context.ts';
import { useLoad } from '../../app/use_load.ts';
import type { Loaded } from '../../app/use_load.ts';
import { wishToSearch } from '../search/journey_wish.ts';
import type { JourneyWish } from '../search/journey_wish.ts';
import { toPlace } from '../search/place.ts';
import { withChanges } from './offers.ts';
import type { Offers } from './offers.ts';

/** All direct trains of a wish, kept up to date while the page is open. */
export function useOffers(wish: JourneyWish): Loaded<Offers> {
  const api = useApi();
  const search = create(SearchTrainsRequestSchema, {
    from: toPlace(wish.from),
    to: toPlace(wish.to),
    date: wish.date,
    passengerType: wish.student ? PassengerType.STUDENT : PassengerType.ADULT,
    pageSize: PAGE_SIZE,
  });
  const key = wishToSearch({ ...wish, only_high_speed: false });
  const loaded = useLoad(key, (signal) => allPages(api, search, signal));
  useChanges(api, loaded.value === undefined ? undefined : key, search, loaded);
  return loaded;
}

async function allPages(api: Api, search: SearchTrainsRequest, signal: AbortSignal): Promise<Offers> {
  const offers: TrainOffer[] = [];
  let stale = false;
  let pageToken = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await api.query.searchTrains({ ...search, pageToken }, { signal });
    offers.push(...answer.offers);
    stale ||= answer.stale;
    pageToken = answer.nextPageToken;
    if (pageToken === '') break;
  }
  return { offers, stale };
}

/**
 * Applies changes as they come. A stream that breaks is opened again a few times and then left alone: the page still shows
 * what it read, and the order is what decides.
 */
function useChanges(api: Api, key: string | undefined, search: SearchTrainsRequest, { value, setValue }: Loaded<Offers>): void {
  const changes = useEffectEvent((signal: AbortSignal) => api.query.watchAvailability({ search }, { signal, timeoutMs: 0 }));
  const apply = useEffectEvent((change: WatchAvailabilityResponse) => {
    if (value !== undefined) setValue(withChanges(value, change));
  });
  useEffect(() => {
    if (key === undefined) return;
    const abort = new AbortController();
    const follow = async (): Promise<void> => {
      for (let tries = 0; tries < STREAM_TRIES_MAX && !abort.signal.aborted; tries += 1) {
        try {
          for await (const change of changes(abort.signal)) if (!abort.signal.aborted) apply(change);
        } catch {
          // Nothing to tell: the numbers on the page carry their own age.
        }
        await new Promise((resolve) => setTimeout(resolve, STREAM_PAUSE_MS));
      }
    };
    void follow();
    return () => abort.abort();
  }, [key]);
}

const PAGE_SIZE = 200;
const PAGES_MAX = 5;
const STREAM_TRIES_MAX = 5;
const STREAM_PAUSE_MS = 5_000;
