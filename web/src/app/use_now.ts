import { useEffect, useState } from 'react';
import { serviceDateAt } from '#kit/base/time.ts';

/** The wall clock, told every `every_ms` while something on the page shows it. */
export function useNow(every_ms = 1000): number {
  const [now_ms, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every_ms);
    return () => clearInterval(timer);
  }, [every_ms]);
  return now_ms;
}

/** The civil day in China when the page was opened. */
export function useToday(): string {
  const [today] = useState(() => serviceDateAt(Date.now()));
  return today;
}
