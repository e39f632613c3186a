import { create, equals, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import test from 'ava';
import { SearchTrainsResponseSchema } from '#gen/rail/query/v1/query_pb.ts';
import { addDays } from '#kit/base/time.ts';
import { generateTimetable } from '../../../timetable/generate/generate.ts';
import { buildCatalog } from '../domain/catalog.ts';
import { offerOf, type Offer } from '../domain/offer.ts';
import { searchDirect } from '../domain/search.ts';
import { offerMessage } from './messages.ts';
import { OfferBytes } from './offer_bytes.ts';

const catalog = buildCatalog(generateTimetable({ seed: 7, scale: 0.05 }));
const { stations } = catalog.timetable;
const today = '2026-06-10';

test('offers are written as the message says', (t) => {
  const offer_bytes = new OfferBytes();
  let compared = 0;
  const half = stations.length >> 1;
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 14 }), fc.boolean(), fc.array(fc.record({ state: fc.constantFrom('BEFORE' as const, 'OPEN' as const, 'CLOSED' as const), stale: fc.boolean(), version: fc.bigInt({ min: 0n, max: 1n << 62n }), left: fc.integer({ min: 0, max: 2000 }), reduced: fc.boolean(), change: fc.boolean() }), { minLength: 1, maxLength: 6 }), (day, back, wishes) => {
      const [from, to] = back ? [stations.slice(half), stations.slice(0, half)] : [stations.slice(0, half), stations.slice(half)];
      const found = searchDirect(catalog, from, to, addDays(today, day)).slice(0, 40);
      const offers = found.map((one, index) => varied(one, wishes[index % wishes.length]!));
      compared += offers.length;
      const written = fromBinary(SearchTrainsResponseSchema, Buffer.concat(offer_bytes.of(catalog, offers)));
      return equals(SearchTrainsResponseSchema, written, create(SearchTrainsResponseSchema, { offers: offers.map((offer) => offerMessage(catalog, offer)) }));
    }),
    { numRuns: 60 },
  );
  t.true(compared > 200);
});

type Wish = { state: Offer['sale_state']; stale: boolean; version: bigint; left: number; reduced: boolean; change: boolean };

/** An offer of a ride with whatever may be in it. */
function varied(found: ReturnType<typeof searchDirect>[number], { state, stale, version, left, reduced, change }: Wish): Offer {
  const offer = offerOf(found, { buyer: { channel: 'web', passenger_type: 'adult' }, now_ms: Date.parse(`${today}T09:00:00+08:00`), remainingOf: () => undefined, isStale: () => stale });
  const classes = offer.classes.map((entry, index) => ({ ...entry, remaining: (left * (index + 1)) % 2001, fare_reduced: reduced, ...(change ? { seat_change: { trips: left, stops: [found.from_index, found.to_index] } } : {}) }));
  return { ...offer, classes, sale_state: state, version, made: {} };
}
