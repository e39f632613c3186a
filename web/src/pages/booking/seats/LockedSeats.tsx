import { useEffect, useEffectEvent } from 'react';
import { useNow } from '../../../app/use_now.ts';
import { countdown } from '../../../i18n/format.ts';
import { useText } from '../../../i18n/LanguageProvider.tsx';
import '../../../styles/seats.css';
import type { Draft } from '../draft.ts';
import { PickedSeats } from './PickedSeats.tsx';
import type { SeatLock, SeatLocking } from './use_seat_lock.ts';

/** The chosen seats while they are locked, and how long that lasts. Readers of the screen hear it once, not each second. */
export function LockedSeats({ lock, locking, draft }: { lock: SeatLock; locking: SeatLocking; draft: Draft }) {
  const text = useText();
  const left_ms = lock.end_ms - useNow();
  const over = left_ms <= 0;
  const onOver = useEffectEvent(() => locking.forget(true));
  useEffect(() => {
    if (over) onOver();
  }, [over]);
  return (
    <section className="panel lockedseats" aria-label={text.seats.locked} data-testid="locked-seats">
      <p className="lockedseats__head">
        <strong role="status">{text.seats.locked}</strong>
        <span className="lockedseats__left" aria-hidden="true" data-testid="lock-left">
          {text.seats.left(countdown(left_ms))}
        </span>
      </p>
      <PickedSeats travellers={draft.travellers} seats={lock.seats} />
      <button type="button" className="button button--small" onClick={locking.giveBack} data-testid="change-seats">
        {text.seats.change}
      </button>
    </section>
  );
}
