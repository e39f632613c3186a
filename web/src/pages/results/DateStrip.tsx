import { useEffect, useRef } from 'react';
import { saleWindow, shortDate, weekdayOrNear } from '../../i18n/format.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** The days on sale in a row; the chosen one is scrolled into sight. */
export function DateStrip({ date, today, onChoose }: { date: string; today: string; onChoose: (date: string) => void }) {
  const text = useText();
  const strip = useRef<HTMLElement>(null);
  useEffect(() => {
    const chosen = strip.current?.querySelector<HTMLElement>(`[data-day="${date}"]`) ?? undefined;
    if (strip.current !== null && chosen !== undefined) strip.current.scrollLeft = chosen.offsetLeft - strip.current.clientWidth / 2 + chosen.clientWidth / 2;
  }, [date]);
  return (
    <nav className="datestrip" aria-label={text.date.strip} ref={strip}>
      {saleWindow(today).map((day) => (
        <button key={day} type="button" className="datestrip__day" data-day={day} aria-current={day === date ? 'date' : undefined} onClick={() => onChoose(day)} data-testid="date-strip-day">
          <span className="datestrip__weekday">{weekdayOrNear(day, today, text)}</span>
          <span className="datestrip__date">{shortDate(day, text)}</span>
        </button>
      ))}
    </nav>
  );
}
