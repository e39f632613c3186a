import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { useNow } from '../../app/use_now.ts';
import { useText } from '../../i18n/LanguageProvider.tsx';

/** How long one still waits, to the minute. */
export function TimeLeft({ until }: { until: Timestamp | undefined }) {
  const text = useText();
  const now_ms = useNow(TICK_MS);
  if (until === undefined) return null;
  const minutes = Math.max(0, Math.ceil((timestampMs(until) - now_ms) / 60_000));
  const [days, hours] = [Math.floor(minutes / MINUTES_A_DAY), Math.floor((minutes % MINUTES_A_DAY) / 60)];
  return (
    <span className="standby__left" data-testid="time-left">
      {days > 0 ? text.standby.left_days(days, hours) : text.standby.left_hours(hours, minutes % 60)}
    </span>
  );
}

const TICK_MS = 5_000;
const MINUTES_A_DAY = 1440;
