import test from 'ava';
import { SeatClass } from '#gen/rail/type/v1/journey_pb.ts';
import { planFromSearch, planPath } from './plan.ts';
import type { Plan } from './plan.ts';

const RIDE = { run_id: 'G5.20260128', from_station_id: 'WHN', to_station_id: 'CSQ', seat_class: SeatClass.FIRST };
const read = (search: string) => planFromSearch(new URLSearchParams(search));

test('[web] change: what was chosen survives its address, at every step', (t) => {
  const plans: Plan[] = [
    { step: 'tickets', item_ids: [] },
    { step: 'tickets', item_ids: ['7-1', '7-2'] },
    { step: 'ride', item_ids: ['7-1'], date: '2026-01-29', to: { name: '长沙' } },
    { step: 'quote', item_ids: ['7-1', '7-2'], date: '2026-01-29', to: { station_id: 'CSQ', name: '长沙南' }, ride: RIDE },
    { step: 'ride', item_ids: ['7-1'], ride: RIDE },
  ];
  for (const plan of plans) {
    const { pathname, searchParams } = new URL(planPath('7', plan), 'http://here');
    t.is(pathname, '/orders/7/change');
    t.deepEqual(planFromSearch(searchParams), plan);
  }
});

test('[web] change: a step without what it needs is the one before', (t) => {
  t.is(read('').step, 'tickets');
  t.is(read('step=quote').step, 'tickets');
  t.is(read('step=quote&items=7-1').step, 'ride');
  t.is(read('step=quote&items=7-1&run=G5&on=A&off=B').step, 'ride');
  t.is(read('step=quote&items=7-1&run=G5&on=A&off=B&class=x').step, 'ride');
  t.is(read('step=quote&items=7-1&run=G5&on=A&off=B&class=2').step, 'quote');
  t.deepEqual(read('step=nonsense&items=,7-1,&date=2026-02-30&to=~'), { step: 'tickets', item_ids: ['7-1'] });
});
