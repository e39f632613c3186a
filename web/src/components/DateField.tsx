import { useState } from 'react';
import { useToday } from '../app/use_now.ts';
import { saleWindow, shortDate, weekdayOrNear } from '../i18n/format.ts';
import { useText } from '../i18n/LanguageProvider.tsx';
import { Calendar } from './Calendar.tsx';
import { Dialog } from './Dialog.tsx';
import { Icon } from './Icon.tsx';

/** The chosen day, large; opens the calendar of days on sale. */
export function DateField({ date, onChoose }: { date: string; onChoose: (date: string) => void }) {
  const text = useText();
  const [open, setOpen] = useState(false);
  const today = useToday();
  const days = saleWindow(today);
  return (
    <>
      <button type="button" className="datefield" onClick={() => setOpen(true)} aria-haspopup="dialog" data-testid="date" data-date={date}>
        <span className="station__label">{text.date.label}</span>
        <span className="datefield__value">
          <span className="datefield__day">{shortDate(date, text)}</span>
          <span className="datefield__weekday">{weekdayOrNear(date, today, text)}</span>
          <Icon name="calendar" />
        </span>
      </button>
      {open && (
        <Dialog title={text.date.label} onClose={() => setOpen(false)}>
          <Calendar
            value={date}
            first={days[0]!}
            last={days.at(-1)!}
            today={today}
            onChoose={(chosen) => {
              onChoose(chosen);
              setOpen(false);
            }}
          />
          <p className="dialog__note">{text.date.window(days.length)}</p>
        </Dialog>
      )}
    </>
  );
}
