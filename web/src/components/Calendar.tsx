import { useEffect, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import { addDays, isoWeekday } from '#kit/base/time.ts';
import { fullDate } from '../i18n/format.ts';
import { useText } from '../i18n/LanguageProvider.tsx';
import { Icon } from './Icon.tsx';

type Props = { value: string; first: string; last: string; today: string; onChoose: (date: string) => void };

/** A month of days by the date grid pattern of ARIA: arrows move by day and week; only days on sale can be chosen. */
export function Calendar({ value, first, last, today, onChoose }: Props) {
  const text = useText();
  const [cursor, setCursor] = useState(value);
  const grid = useRef<HTMLTableElement>(null);
  const moved = useRef(false);
  useEffect(() => {
    if (moved.current) grid.current?.querySelector<HTMLElement>(`[data-date="${cursor}"]`)?.focus();
  }, [cursor]);
  const move = (days: number): void => {
    const wish = addDays(cursor, days);
    moved.current = true;
    setCursor(wish < first ? first : wish > last ? last : wish);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const days = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7, PageUp: -30, PageDown: 30 }[event.key];
    if (days === undefined) return;
    event.preventDefault();
    move(days);
  };
  const month = cursor.slice(0, 7);
  const turn = (to: string): void => {
    moved.current = false;
    setCursor(to < first ? first : to > last ? last : to);
  };
  return (
    <div className="calendar" data-testid="calendar">
      <div className="calendar__head">
        <button type="button" className="button button--icon" aria-label={text.date.previous_month} disabled={first >= `${month}-01`} onClick={() => turn(addDays(`${month}-01`, -1))}>
          <Icon name="left" />
        </button>
        <span aria-live="polite">{text.date.month(Number(month.slice(0, 4)), Number(month.slice(5)))}</span>
        <button type="button" className="button button--icon" aria-label={text.date.next_month} disabled={last.slice(0, 7) <= month} onClick={() => turn(nextMonth(month))}>
          <Icon name="right" />
        </button>
      </div>
      <table className="calendar__grid" role="grid" ref={grid} onKeyDown={onKeyDown}>
        <thead>
          <tr>
            {text.date.weekdays.map((day, index) => (
              <th key={day} scope="col" abbr={day}>
                {text.date.weekdays_short[index]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {weeksOf(month).map((week) => (
            <tr key={week[0]}>
              {week.map((date) => (
                <td key={date} role="gridcell" aria-selected={date === value}>
                  {date.startsWith(month) && (
                    <button
                      type="button"
                      className="calendar__day"
                      data-date={date}
                      data-today={date === today}
                      aria-label={fullDate(date, text)}
                      aria-pressed={date === value}
                      disabled={date < first || date > last}
                      tabIndex={date === cursor ? 0 : -1}
                      onClick={() => onChoose(date)}
                    >
                      {Number(date.slice(8))}
                    </button>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Weeks from Monday that cover a month. */
function weeksOf(month: string): string[][] {
  const start = addDays(`${month}-01`, 1 - isoWeekday(`${month}-01`));
  const weeks = [];
  for (let week = start; week < nextMonth(month); week = addDays(week, 7)) weeks.push(Array.from({ length: 7 }, (_, index) => addDays(week, index)));
  return weeks;
}

function nextMonth(month: string): string {
  return `${addDays(`${month}-28`, 4).slice(0, 7)}-01`;
}
