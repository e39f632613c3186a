import type { TrainOffer, WatchAvailabilityResponse } from '#gen/rail/query/v1/query_pb.ts';

export type Offers = { offers: TrainOffer[]; stale: boolean };

/** What a watch tells, put into the page: an older version never wins, and trains come and go. */
export function withChanges(before: Offers, { offers: changed, goneRunIds }: Pick<WatchAvailabilityResponse, 'offers' | 'goneRunIds'>): Offers {
  const newer = new Map(changed.map((offer) => [offerKey(offer), offer]));
  const known = new Set(before.offers.map(offerKey));
  const offers = before.offers
    .filter(({ journey }) => !goneRunIds.includes(journey?.runId ?? ''))
    .map((offer) => {
      const change = newer.get(offerKey(offer));
      return change !== undefined && change.version >= offer.version ? change : offer;
    })
    .concat(changed.filter((offer) => !known.has(offerKey(offer))));
  return { offers, stale: offers.some(({ stale }) => stale) };
}

export function offerKey({ journey }: TrainOffer): string {
  return `${journey?.runId}/${journey?.fromStationId}/${journey?.toStationId}`;
}
