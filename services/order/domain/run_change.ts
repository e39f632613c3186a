/** What words of the railway change of an order: where it stands in its saga, nothing. Next steps follow from what it knows then. */
import type { OrderChange, RunNews } from './change.ts';
import { goneSeats, type Journey, type Order, type OrderItem } from './order.ts';
import { nextNews, type JourneyNews, type RunWord } from './run_word.ts';

/** The next change that these words make; undefined when the order knows all of them. Items keep their versions: aftersales and ticketing go by those. */
export function takeWord(order: Order, words: readonly RunWord[], now_ms: number): OrderChange | undefined {
  // One that is FAIL has no journey any more, and its refund is named by its version (steps/refund.ts).
  if (order.state === 'CLOSED' || order.state === 'FAIL') return undefined;
  for (const ride of ridesOf(order)) {
    const news = nextNews(order.order_id, ride.journey, words);
    if (news !== undefined) return changeOf(order, ride, news, now_ms);
  }
  return undefined;
}

/** The items that travel together; `own` when they have another journey than the order, after a change of train. */
type Ride = { journey: Journey; items: OrderItem[]; own: boolean };

function ridesOf(order: Order): Ride[] {
  const open = order.items.filter(({ state }) => state !== 'CLOSED');
  const shared = open.filter(({ journey }) => journey === undefined);
  const own = open.flatMap((item): Ride[] => (item.journey === undefined ? [] : [{ journey: item.journey, items: [item], own: true }]));
  return [...(shared.length === 0 ? [] : [{ journey: order.journey, items: shared, own: false }]), ...own];
}

function changeOf(order: Order, { journey, items, own }: Ride, { kind, revision, reason, journey: after }: JourneyNews, now_ms: number): OrderChange {
  const item_nos = items.map(({ item_no }) => item_no);
  const changed = own ? { items: order.items.map((item) => (item_nos.includes(item.item_no) ? { ...item, journey: after } : item)) } : { journey: after };
  const gone = items.flatMap((item) => goneSeats(item, after).map((seat) => ({ item_no: item.item_no, seat })));
  const news: RunNews = { kind, revision, reason, item_nos, before: journey, after, overlapping: [], gone: kind === 'SEATS' ? gone : [] };
  return {
    before: order,
    after: { ...order, ...changed, version: order.version + 1, update_ms: now_ms, attempts: 0 },
    moves: [],
    cause: `${CAUSES[kind]} (revision ${revision})`,
    event: 'RUN_CHANGED',
    news,
  };
}

const CAUSES: Readonly<Record<RunNews['kind'], string>> = { CANCELLED: 'the railway cancelled the run', RESTORED: 'the run runs after all', TIMES: 'the run has other times', SEATS: 'the run has other coaches' };
