import { addDays, serviceDateAt } from '#kit/base/time.ts';
import { runsOn } from '../../../timetable/calendar.ts';
import type { Timetable } from '../../../timetable/model.ts';
import { SALE_WINDOW_DAYS } from './sale.ts';

/** A timetable that loses more of the runs on sale is taken for a broken one: each would be cancelled, its tickets refunded. */
export const MAX_LOST_SHARE = 0.1;

/** Why a new timetable should not follow on an old one, or undefined. Counts the runs of the sale window. */
export function lossProblem(before: Timetable, after: Timetable, now_ms: number): string | undefined {
  const today = serviceDateAt(now_ms);
  const dates = Array.from({ length: SALE_WINDOW_DAYS + 1 }, (_, day) => addDays(today, day));
  const trains = new Map(after.trains.map((train) => [train.train_id, train]));
  let [runs, lost] = [0, 0];
  for (const { train_id, service } of before.trains) {
    const successor = trains.get(train_id);
    for (const date of dates) {
      if (!runsOn(service, date)) continue;
      runs += 1;
      if (successor === undefined || !runsOn(successor.service, date)) lost += 1;
    }
  }
  return lost > runs * MAX_LOST_SHARE ? `it lacks ${lost} of ${runs} runs that are on sale; an operator can take it all the same` : undefined;
}
