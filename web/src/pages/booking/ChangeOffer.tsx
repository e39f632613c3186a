import type { ClassAvailability } from '#gen/rail/query/v1/query_pb.ts';
import { Check } from '../../components/Choice.tsx';
import { useText } from '../../i18n/LanguageProvider.tsx';
import { changeStops } from '../results/filter.ts';

/** What a change of seats on the way means, before one agrees to it. */
export function ChangeOffer({ availability, checked, onCheck }: { availability: ClassAvailability; checked: boolean; onCheck: (accept_change: boolean) => void }) {
  const text = useText();
  return (
    <section className="panel changeoffer" data-testid="change-offer">
      <Check label={`${text.booking.change} · ${text.results.change_left(availability.sameTrainChangeRemaining)}`} checked={checked} onCheck={onCheck} test_id="accept-change" />
      <p>{text.booking.change_body(changeStops(availability))}</p>
    </section>
  );
}
