import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import test from 'ava';
import { OrderItemSchema, OrderState } from '#gen/rail/order/v1/order_pb.ts';
import { PassengerType } from '#gen/rail/type/v1/journey_pb.ts';
import { companionsMissing, obstacleOf } from './obstacles.ts';

const NOW_MS = 1_000_000_000;
const NOBODY: ReadonlySet<string> = new Set();
const MINUTE_MS = 60_000;

type Part = { state?: OrderState; changed?: boolean; left_ms?: number; type?: PassengerType; cancelled?: boolean; run?: string };

function item(itemId: string, { state = OrderState.SUCCESS, changed = false, left_ms = 60 * MINUTE_MS, type = PassengerType.ADULT, cancelled = false, run = 'G1' }: Part = {}) {
  return create(OrderItemSchema, { itemId, state, changed, passengerType: type, ticketId: `E${itemId}`, journey: { runId: run, fromIndex: 0, toIndex: 3, departureTime: timestampFromMs(NOW_MS + left_ms) }, journeyChange: { cancelled } });
}

test('[web] change: a ticket says why it may not be changed', (t) => {
  const why = (part: Part, used = NOBODY) => obstacleOf(item('1', part), used, NOW_MS);
  t.is(why({}), undefined);
  t.is(why({ changed: true }), 'changed');
  t.is(why({ state: OrderState.CHANGE, changed: true }), 'changing', 'what is under way comes first');
  t.is(why({ state: OrderState.REFUND }), 'refunding');
  t.is(why({ state: OrderState.CLOSED }), 'closed');
  t.is(why({ state: OrderState.TICKETING }), 'not_issued');
  t.is(why({ cancelled: true }), 'cancelled');
  t.is(why({}, new Set(['E1'])), 'used');
  t.is(why({}, new Set(['E2'])), undefined);
});

test('[web] change: gates close three minutes before departure', (t) => {
  const why = (left_ms: number) => obstacleOf(item('1', { left_ms }), NOBODY, NOW_MS);
  t.is(why(3 * MINUTE_MS + 1), undefined);
  t.is(why(3 * MINUTE_MS), 'gate_closed');
  t.is(why(1), 'gate_closed');
  t.is(why(0), 'departed');
});

test('[web] change: a child goes with an adult, whoever is chosen first', (t) => {
  const child = { type: PassengerType.CHILD };
  const family = [item('mum'), item('dad'), item('kid', child)];
  t.deepEqual(companionsMissing(family, []), { children: [], adults: [] });
  t.deepEqual(companionsMissing(family, ['mum']), { children: [], adults: [] }, 'one adult stays');
  t.deepEqual(companionsMissing(family, ['mum', 'dad']), { children: ['kid'], adults: [] });
  t.deepEqual(companionsMissing(family, ['kid']), { children: [], adults: ['mum', 'dad'] });
  t.deepEqual(companionsMissing(family, ['kid', 'dad']), { children: [], adults: [] });
});

test('[web] change: a child whose adults have gone before, or travel in another order, may follow', (t) => {
  const child = { type: PassengerType.CHILD };
  t.deepEqual(companionsMissing([item('kid', child)], ['kid']), { children: [], adults: [] });
  t.deepEqual(companionsMissing([item('mum'), item('dad', { run: 'G3' }), item('kid', child)], ['kid']), { children: [], adults: [] });
  t.deepEqual(companionsMissing([item('mum', { state: OrderState.CLOSED }), item('dad'), item('kid', child)], ['dad']), { children: ['kid'], adults: [] }, 'who gave the ticket back does not travel');
});
