import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { SearchSort } from '#gen/rail/query/v1/query_pb.ts';
import type { SearchTransfersResponse_Transfer as Transfer } from '#gen/rail/query/v1/query_pb.ts';
import { useApi } from '../../app/api_context.ts';
import { usePages } from '../../app/use_pages.ts';
import type { Pages } from '../../app/use_pages.ts';
import { wishToSearch } from '../search/journey_wish.ts';
import type { JourneyWish } from '../search/journey_wish.ts';
import { toPlace } from '../search/place.ts';
import { WINDOWS, WINDOW_HOURS, inWindows } from './filter.ts';
import type { DayWindow, Filter, Sort } from './filter.ts';

/**
 * Journeys with one change, best first. The service filters, since what is best depends on what is asked for; windows with
 * a gap between them are asked for as one, and what lies in the gap is left out here.
 */
export function useTransfers(wish: JourneyWish, filter: Filter, sort: Sort): Pages<Transfer> {
  const { query } = useApi();
  const [departure, arrival] = [spanOf(filter.windows), spanOf(filter.arrival_windows)];
  const request = {
    from: toPlace(wish.from),
    to: toPlace(wish.to),
    date: wish.date,
    sort: SORT[sort],
    passengerType: wish.student ? PassengerType.STUDENT : PassengerType.ADULT,
    pageSize: PAGE_SIZE,
    filter: {
      trainTypes: filter.train_types, seatClasses: filter.seat_classes, onlyAvailable: filter.only_available, fromStationIds: filter.from_station_ids, toStationIds: filter.to_station_ids,
      departureFromMin: departure.from_min, departureToMin: departure.to_min, arrivalFromMin: arrival.from_min, arrivalToMin: arrival.to_min,
    },
  };
  const pages = usePages(`${wishToSearch(wish)} ${sort} ${JSON.stringify(filter)}`, async (pageToken, signal) => {
    const { transfers, nextPageToken } = await query.searchTransfers({ ...request, pageToken }, { signal });
    return { items: transfers, next: nextPageToken };
  });
  const inside = ({ legs }: Transfer): boolean => inWindows(filter.windows, legs[0]?.journey?.departureTime) && inWindows(filter.arrival_windows, legs[1]?.journey?.arrivalTime);
  return { ...pages, items: pages.items?.filter(inside) };
}

/** From the begin of the first to the end of the last window; 0 to 0 is any time. */
export function spanOf(windows: DayWindow[]): { from_min: number; to_min: number } {
  const places = windows.map((window) => WINDOWS.indexOf(window));
  if (places.length === 0) return { from_min: 0, to_min: 0 };
  return { from_min: Math.min(...places) * WINDOW_HOURS * 60, to_min: (Math.max(...places) + 1) * WINDOW_HOURS * 60 };
}

const PAGE_SIZE = 20;
const SORT: Record<Sort, SearchSort> = { departure: SearchSort.DEPARTURE, arrival: SearchSort.ARRIVAL, duration: SearchSort.DURATION, price: SearchSort.PRICE };
