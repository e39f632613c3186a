import type { ServiceCalendar } from '../model.ts';
import { addDays } from '../calendar.ts';

/** The forty days of the spring-festival rush begin fifteen days before the new year. Dates of the new year: public calendar. */
const NEW_YEARS = ['2025-01-29', '2026-02-17', '2027-02-06', '2028-01-26', '2029-02-13', '2030-02-03', '2031-01-23'];
const RUSH_DAYS = 40;
const RUSH_LEAD_DAYS = 15;

export type ServiceName = 'daily' | 'weekday' | 'weekend' | 'chunyun';

const ALL = [true, true, true, true, true, true, true];
const WORKDAYS = [true, true, true, true, false, false, false];
const WEEKEND = [false, false, false, false, true, true, true];

/** The kinds of days our trains run on: every day, Monday to Thursday, Friday to Sunday, and the rush only. */
export function services(start_date: string, end_date: string): Record<ServiceName, ServiceCalendar> {
  const weekly = (service_id: ServiceName, weekdays: boolean[]): ServiceCalendar => ({
    service_id, start_date, end_date, weekdays, added_dates: [], removed_dates: [],
  });
  return {
    daily: weekly('daily', ALL),
    weekday: weekly('weekday', WORKDAYS),
    weekend: weekly('weekend', WEEKEND),
    chunyun: {
      service_id: 'chunyun',
      start_date: '',
      end_date: '',
      weekdays: ALL.map(() => false),
      added_dates: rushDates(start_date, end_date),
      removed_dates: [],
    },
  };
}

/** The dates of every spring-festival rush within the range, in order. */
export function rushDates(start_date: string, end_date: string): string[] {
  const dates: string[] = [];
  for (const new_year of NEW_YEARS) {
    for (let day = -RUSH_LEAD_DAYS; day < RUSH_DAYS - RUSH_LEAD_DAYS; day += 1) {
      const date = addDays(new_year, day);
      if (date >= start_date && date <= end_date) dates.push(date);
    }
  }
  return dates;
}
